-- Conversations whose lease ran out and that nobody took over.
-- $1 limit
SELECT tenant_id, conversation_id, turn_id
FROM konstruct.dispatch
WHERE lease_until <= now()
ORDER BY lease_until
LIMIT $1
