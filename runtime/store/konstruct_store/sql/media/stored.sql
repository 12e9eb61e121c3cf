-- The bytes are in the object store. No row comes back when a later attempt has it.
-- $1 tenant, $2 media, $3 attempt, $4 media type, $5 size, $6 SHA-256, $7 words, $8 name ('': keep)
UPDATE konstruct.media
SET
    state = 'Stored',
    reason = '',
    media_type = $4,
    size = $5,
    sha256 = $6,
    words = $7,
    name = coalesce(nullif($8, ''), name),
    settled_at = now()
WHERE tenant_id = $1 AND media_id = $2 AND attempt = $3 AND state = 'Waiting'
RETURNING conversation_id, item_id
