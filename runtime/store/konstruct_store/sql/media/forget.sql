-- Forget files whose objects are gone.
-- $1 tenant, $2 media
DELETE FROM konstruct.media
WHERE tenant_id = $1 AND media_id = any($2::uuid [])
