-- What people think of a conversation's replies, by turn.
-- $1 tenant, $2 conversation
SELECT turn_id, value FROM konstruct.feedback
WHERE tenant_id = $1 AND conversation_id = $2
ORDER BY at
