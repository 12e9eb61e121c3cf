-- Erase some of a tenant's rows of log.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.log
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.log AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
