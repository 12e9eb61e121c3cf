-- Erase some of a tenant's rows of delivery_dispatch.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.delivery_dispatch
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.delivery_dispatch AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
