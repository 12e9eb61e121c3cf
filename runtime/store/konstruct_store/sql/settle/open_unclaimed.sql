-- Give items that nobody ever claimed a turn, so that they can be settled with it.
-- Conversation and dispatch row are locked. No row comes back when nothing is pending.
-- $1 tenant, $2 conversation, $3 turn
WITH taken AS (
    UPDATE konstruct.inbox
    SET turn_id = $3
    WHERE tenant_id = $1 AND conversation_id = $2 AND disposition IS NULL AND turn_id IS NULL
    RETURNING seq, received_at, replays_turn_id
),

turn AS (
    INSERT INTO konstruct.turns (
        tenant_id, turn_id, conversation_id, agent_id, agent_revision, tenant, language,
        person_id, replays_turn_id, state, attempt, first_seq, last_seq, opened_at
    )
    SELECT
        $1, $3, $2, c.agent_id, '', '{}', c.language, c.person_id,
        (array_agg(t.replays_turn_id ORDER BY t.seq))[1],
        'Queued', 0, min(t.seq), max(t.seq), min(t.received_at)
    FROM taken AS t
    INNER JOIN konstruct.conversations AS c ON c.tenant_id = $1 AND c.conversation_id = $2
    GROUP BY c.tenant_id, c.conversation_id
    RETURNING turn_id
)

UPDATE konstruct.dispatch AS d
SET turn_id = turn.turn_id
FROM turn
WHERE d.tenant_id = $1 AND d.conversation_id = $2
RETURNING d.turn_id
