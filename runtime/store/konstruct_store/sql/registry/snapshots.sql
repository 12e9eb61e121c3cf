-- The snapshots of these tenants.
-- $1 tenants
SELECT s.tenant_id, s.snapshot
FROM konstruct.snapshots_of($1) AS s
