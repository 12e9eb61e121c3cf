-- Erase some of a tenant's rows of dedupe_keys.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.dedupe_keys
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.dedupe_keys AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
