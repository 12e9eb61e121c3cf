-- Learn which conversations names stand for; what somebody else has just learnt stays.
-- $1 tenant, $2 connection, $3 names, $4 conversation key of each
INSERT INTO konstruct.person_names (tenant_id, connection_id, name, conversation_key)
SELECT $1, $2, n.name, n.conversation_key
FROM unnest($3::text [], $4::text []) AS n (name, conversation_key)
ORDER BY n.name
ON CONFLICT DO NOTHING
RETURNING name
