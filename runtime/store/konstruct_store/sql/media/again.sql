-- Try a file again after some seconds.
-- $1 tenant, $2 media, $3 seconds
UPDATE konstruct.media_dispatch
SET due_at = now() + $3 * interval '1 second'
WHERE tenant_id = $1 AND media_id = $2
