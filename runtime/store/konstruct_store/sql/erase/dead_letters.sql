-- Erase some of a tenant's rows of dead_letters.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.dead_letters
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.dead_letters AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
