-- The last entries of a conversation's log, newest first.
-- $1 tenant, $2 conversation, $3 before seq (null: from the end), $4 limit
SELECT seq, kind, payload, at, turn_id
FROM konstruct.log
WHERE tenant_id = $1 AND conversation_id = $2 AND seq < coalesce($3, 9223372036854775807)
ORDER BY seq DESC
LIMIT $4
