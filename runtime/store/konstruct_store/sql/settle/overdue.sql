-- Conversations that have waited longer than any turn may take, claimed or not.
-- Parked ones (suspended) wait for `expire`, unless a turn is open.
-- $1 tenant (null: all), $2 deadline seconds, $3 limit
SELECT tenant_id, conversation_id, turn_id, opened_at = '-infinity' AS exhausted
FROM konstruct.dispatch
WHERE
    opened_at <= now() - $2 * interval '1 second'
    AND (due_at IS NOT NULL OR turn_id IS NOT NULL)
    AND ($1::uuid IS NULL OR tenant_id = $1)
ORDER BY opened_at
LIMIT $3
