-- Say files that a turn made, with its reply.
-- $1 tenant, $2 turn, $3 conversation, $4 media
UPDATE konstruct.media
SET conversation_id = $3
WHERE
    tenant_id = $1
    AND turn_id = $2
    AND media_id = any($4::uuid [])
    AND state = 'Stored'
RETURNING media_id, name, media_type, size
