-- One conversation.
-- $1 tenant, $2 conversation
SELECT
    conversation_id, connection_id, agent_id, agent_name, person_name, mode, active_at, last_seq,
    '' AS last_text, window_ends_at
FROM konstruct.conversations
WHERE tenant_id = $1 AND conversation_id = $2
