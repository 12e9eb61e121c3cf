-- Erase some of a tenant's rows of person_names.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.person_names
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.person_names AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
