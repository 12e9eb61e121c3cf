-- Remember the end of a tenant that never reached the registry, so that its id stays taken.
-- $1 tenant, $2 name, $3 uid, $4 session, $5 sequence, $6 erase
WITH state AS (
    UPDATE konstruct.registry_state
    SET version = greatest(
        version + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
    )
    RETURNING version
)

INSERT INTO konstruct.registry_claims (
    tenant_id, name, uid, session, sequence, version, state, suspended, buried_at
)
SELECT
    $1, $2, $3, $4, $5, s.version,
    CASE WHEN $6::boolean THEN 'Erasing' ELSE 'Buried' END, true, now()
FROM state AS s
