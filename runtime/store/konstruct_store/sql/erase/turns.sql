-- Erase some of a tenant's rows of turns.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.turns
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.turns AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
