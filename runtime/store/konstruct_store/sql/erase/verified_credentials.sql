-- Erase some of a tenant's rows of verified_credentials.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.verified_credentials
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.verified_credentials AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
