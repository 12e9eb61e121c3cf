-- Every report of the live tenants.
SELECT r.tenant_id, r.kind, r.name, r.condition, r.digest, r.status, r.reason, r.message, r.version
FROM konstruct.reports_of(
    ARRAY(SELECT c.tenant_id FROM konstruct.registry_claims AS c WHERE c.state = 'Live')
) AS r
ORDER BY r.tenant_id, r.kind, r.name, r.condition
