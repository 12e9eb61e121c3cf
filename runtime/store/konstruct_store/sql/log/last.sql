-- The last entries of a conversation's log, newest first.
-- $1 tenant, $2 conversation, $3 before seq (null: from the end), $4 limit
-- CASE and not COALESCE: under row-level security only the former reaches the index.
SELECT seq, kind, payload, at, turn_id
FROM konstruct.log
WHERE tenant_id = $1 AND conversation_id = $2 AND seq < CASE WHEN $3::bigint IS NULL THEN 9223372036854775807 ELSE $3 END
ORDER BY seq DESC
LIMIT $4
