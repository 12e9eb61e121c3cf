-- Erase some of a tenant's rows of asks.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.asks
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.asks AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
