-- Keep a dead letter of a turn that ended without an answer.
-- $1 tenant, $2 turn, $3 conversation, $4 agent, $5 reason, $6 attempts
INSERT INTO konstruct.dead_letters (
    tenant_id, turn_id, conversation_id, agent_id, reason, attempts
)
VALUES ($1, $2, $3, $4, $5, $6)
