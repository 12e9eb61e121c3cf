-- Erase some of a tenant's rows of media.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.media
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.media AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
