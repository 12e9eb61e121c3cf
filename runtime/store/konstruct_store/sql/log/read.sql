-- Entries of a conversation's log after a seq, in order.
-- $1 tenant, $2 conversation, $3 after seq, $4 limit
SELECT seq, kind, payload, at, turn_id
FROM konstruct.log
WHERE tenant_id = $1 AND conversation_id = $2 AND seq > $3
ORDER BY seq
LIMIT $4
