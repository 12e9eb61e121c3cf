-- Begin a file that a turn makes: the row is there before the object. The turn is locked.
-- $1 tenant, $2 media, $3 turn, $4 name, $5 media type, $6 size, $7 SHA-256
INSERT INTO konstruct.media (
    tenant_id, media_id, connection_id, person_key, source, turn_id, name, media_type, size,
    sha256, state
)
SELECT $1, $2, c.connection_id, c.person_key, 'Made', $3, $4, $5, $6, $7, 'Waiting'
FROM konstruct.turns AS t
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = t.tenant_id AND c.conversation_id = t.conversation_id
WHERE t.tenant_id = $1 AND t.turn_id = $3
