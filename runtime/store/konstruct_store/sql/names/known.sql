-- Which of these keys a conversation is called by already, the first of them first.
-- $1 tenant, $2 connection, $3 keys
SELECT c.conversation_key
FROM konstruct.conversations AS c
WHERE c.tenant_id = $1 AND c.connection_id = $2 AND c.conversation_key = any($3::text [])
ORDER BY array_position($3::text [], c.conversation_key)
LIMIT 1
