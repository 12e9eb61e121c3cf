-- Erase some of a tenant's rows of ignored_items.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.ignored_items
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.ignored_items AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
