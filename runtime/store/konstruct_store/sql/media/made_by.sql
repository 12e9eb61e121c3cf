-- The files that a turn made, whole or not.
-- $1 tenant, $2 turn
SELECT media_id, state
FROM konstruct.media
WHERE tenant_id = $1 AND turn_id = $2
