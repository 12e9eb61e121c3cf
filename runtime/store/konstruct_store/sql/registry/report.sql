-- What was reported last of one condition of an object.
-- $1 tenant, $2 kind, $3 name, $4 condition
SELECT r.tenant_id, r.digest, r.kind, r.name, r.condition, r.status, r.reason, r.message, r.version
FROM konstruct.registry_reports AS r
WHERE r.tenant_id = $1 AND r.kind = $2 AND r.name = $3 AND r.condition = $4
