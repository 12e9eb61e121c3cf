-- The messages of a tenant that wait, the oldest first.
-- $1 tenant, $2 most rows
SELECT held_id, connection_id, person_key, payload, held_at
FROM konstruct.held_messages
WHERE tenant_id = $1
ORDER BY held_id
LIMIT $2
