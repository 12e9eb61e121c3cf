-- The registry's version, and the tenants that changed after a version.
-- $1 version
SELECT s.version, c.tenant_id, c.state
FROM konstruct.registry_state AS s
LEFT JOIN konstruct.registry_claims AS c ON c.version > $1
