-- Erase some of a tenant's rows of registry_reports.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.registry_reports
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.registry_reports AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
