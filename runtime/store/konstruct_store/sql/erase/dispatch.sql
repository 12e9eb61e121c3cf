-- Erase some of a tenant's rows of dispatch.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.dispatch
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.dispatch AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
