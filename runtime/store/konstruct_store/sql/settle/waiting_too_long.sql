-- Conversations whose items were parked, because tenant or agent is suspended, for too long.
-- $1 hours, $2 limit
SELECT tenant_id, conversation_id
FROM konstruct.dispatch
WHERE
    opened_at <= now() - $1 * interval '1 hour'
    AND turn_id IS NULL
    AND due_at IS NULL
ORDER BY opened_at
LIMIT $2
