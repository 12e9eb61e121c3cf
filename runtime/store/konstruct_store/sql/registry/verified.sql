-- What the vendors of these tenants' connections took last.
-- $1 tenants
SELECT v.tenant_id, v.connection_id, v.config, v.sealed
FROM konstruct.verified_of($1) AS v
