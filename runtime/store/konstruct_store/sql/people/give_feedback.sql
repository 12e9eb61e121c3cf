-- Keep what a person thinks of a turn's reply; the last value wins, the same again changes nothing.
-- $1 tenant, $2 conversation, $3 turn, $4 person key, $5 value
INSERT INTO konstruct.feedback AS f (tenant_id, conversation_id, turn_id, person_key, value)
SELECT $1, $2, $3, $4, $5
WHERE EXISTS (
    SELECT
    FROM konstruct.turns AS t
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $3
        AND t.conversation_id = $2
        AND t.state = 'Answered'
)
ON CONFLICT (tenant_id, conversation_id, turn_id, person_key) DO UPDATE SET
    value = excluded.value, at = now()
WHERE f.value <> excluded.value
RETURNING f.value
