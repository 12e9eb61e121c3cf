-- The bytes will not come. No row comes back when a later attempt has it.
-- $1 tenant, $2 media, $3 attempt, $4 reason
UPDATE konstruct.media
SET state = 'Failed', reason = $4, settled_at = now()
WHERE tenant_id = $1 AND media_id = $2 AND attempt = $3 AND state = 'Waiting'
RETURNING conversation_id, item_id
