-- The conversation with this key, begun if there is none; it is locked.
-- $1 tenant, $2 connection, $3 id for a new one, $4 key, $5 agent, $6 its name, $7 person,
-- $8 person key, $9 person's name, $10 language
INSERT INTO konstruct.conversations AS c (
    tenant_id, conversation_id, connection_id, conversation_key, agent_id, agent_name,
    person_id, person_key, person_name, language
)
SELECT $1, $3, $2, $4, $5, $6, $7, $8, $9, $10
WHERE NOT EXISTS (
    SELECT
    FROM konstruct.registry_claims AS r
    WHERE r.tenant_id = $1 AND r.state IN ('Erasing', 'Erased')
)
ON CONFLICT (tenant_id, connection_id, conversation_key) DO UPDATE SET active_at = now()
RETURNING c.conversation_id
