-- Tenants whose erasure was ordered, and whose last transactions are over.
-- $1 grace seconds
SELECT tenant_id
FROM konstruct.registry_claims
WHERE state = 'Erasing' AND buried_at <= now() - $1 * interval '1 second'
ORDER BY buried_at
