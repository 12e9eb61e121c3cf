-- Erase some of a tenant's rows of refusals.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.refusals
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.refusals AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
