-- What is known of a file.
-- $1 tenant, $2 media
SELECT media_id, name, media_type, size, sha256, state, reason
FROM konstruct.media
WHERE tenant_id = $1 AND media_id = $2
