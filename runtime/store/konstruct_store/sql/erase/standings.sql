-- Erase some of a tenant's rows of standings.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.standings
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.standings AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
