-- The log entry that a settled turn wrote.
-- $1 tenant, $2 conversation, $3 seq
SELECT seq, kind, payload, at, turn_id
FROM konstruct.log
WHERE tenant_id = $1 AND conversation_id = $2 AND seq = $3
