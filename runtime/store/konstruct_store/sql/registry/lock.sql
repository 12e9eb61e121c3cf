-- Lock the registry for one write, with what is stored of the tenant.
-- $1 tenant
SELECT
    s.session AS open_session, c.name, c.uid, c.digest, c.session, c.sequence, c.state
FROM konstruct.registry_state AS s
LEFT JOIN konstruct.registry_claims AS c ON c.tenant_id = $1
FOR UPDATE OF s
