-- What waits and what was not delivered, by state, of all live tenants together.
SELECT
    s.state, sum(s.waiting)::bigint AS waiting,
    extract(EPOCH FROM now() - min(s.oldest))::float8 AS oldest_seconds
FROM konstruct.sending_of(
    ARRAY(SELECT c.tenant_id FROM konstruct.registry_claims AS c WHERE c.state = 'Live')
) AS s
GROUP BY s.state
