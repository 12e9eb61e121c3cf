-- Remember that a person is told; a row comes back the first time.
-- $1 tenant, $2 connection, $3 person key, $4 conversation, $5 reason
INSERT INTO konstruct.refusals (tenant_id, connection_id, person_key, conversation_id, reason)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING conversation_id
