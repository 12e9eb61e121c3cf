-- Say uploads in a conversation, each once.
-- $1 tenant, $2 connection, $3 person key, $4 media, $5 conversation, $6 item
UPDATE konstruct.media
SET conversation_id = $5, item_id = $6
WHERE
    tenant_id = $1
    AND media_id = any($4::uuid [])
    AND connection_id = $2
    AND person_key = $3
    AND source = 'Upload'
    AND state = 'Stored'
    AND conversation_id IS NULL
RETURNING media_id
