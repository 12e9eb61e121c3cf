-- Begin a conversation in which nobody has said anything here yet, if there is none.
-- $1 tenant, $2 connection, $3 conversation key, $4 new id, $5 agent, $6 agent's name,
-- $7 person, $8 person's key, $9 person's name
INSERT INTO konstruct.conversations (
    tenant_id, conversation_id, connection_id, conversation_key, agent_id, agent_name,
    person_id, person_key, person_name
)
SELECT $1, $4, $2, $3, $5, $6, $7, $8, $9
WHERE NOT EXISTS (
    SELECT
    FROM konstruct.registry_claims AS c
    WHERE c.tenant_id = $1 AND c.state IN ('Erasing', 'Erased')
)
ON CONFLICT (tenant_id, connection_id, conversation_key) DO NOTHING
