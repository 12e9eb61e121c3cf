-- These need not be fetched any more.
-- $1 tenant, $2 media
DELETE FROM konstruct.media_dispatch
WHERE tenant_id = $1 AND media_id = any($2::uuid [])
