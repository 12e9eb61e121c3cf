-- Erase some of a tenant's rows of usage_days.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.usage_days
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.usage_days AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
