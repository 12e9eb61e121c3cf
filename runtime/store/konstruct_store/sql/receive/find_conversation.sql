-- The conversation that a channel knows by this key.
-- $1 tenant, $2 connection, $3 conversation key
SELECT conversation_id, connection_id, person_key, agent_id, mode, last_seq
FROM konstruct.conversations
WHERE tenant_id = $1 AND connection_id = $2 AND conversation_key = $3
