-- Dead letters, the latest first.
-- $1 tenant, $2 died before (null: from now), $3 limit
-- CASE and not COALESCE: under row-level security only the former reaches the index.
SELECT turn_id, conversation_id, agent_id, reason, attempts, died_at, replayed_at
FROM konstruct.dead_letters
WHERE
    tenant_id = $1
    AND died_at < CASE WHEN $2::timestamptz IS NULL THEN 'infinity' ELSE $2 END
ORDER BY died_at DESC
LIMIT $3
