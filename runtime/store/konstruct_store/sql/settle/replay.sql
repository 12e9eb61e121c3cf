-- Replay a dead turn: a new system item, alone in its turn, that stands for the dead one's messages.
-- Once per dead letter. No row comes back when there is none to replay.
-- $1 tenant, $2 dead turn, $3 item, $4 actor
WITH letter AS (
    UPDATE konstruct.dead_letters
    SET replayed_at = now()
    WHERE tenant_id = $1 AND turn_id = $2 AND replayed_at IS NULL
    RETURNING conversation_id, agent_id
),

conversation AS (
    UPDATE konstruct.conversations AS c
    SET last_seq = c.last_seq + 1
    FROM letter AS l
    WHERE
        c.tenant_id = $1 AND c.conversation_id = l.conversation_id AND c.mode = 'Agent'
    RETURNING c.conversation_id, c.last_seq, c.agent_id, c.person_id
),

entry AS (
    INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
    SELECT
        $1, conversation_id, last_seq, 'Marker',
        jsonb_build_object('code', 'Replayed', 'turn', $2::uuid, 'actor', $4::text)
    FROM conversation
),

item AS (
    INSERT INTO konstruct.inbox (
        tenant_id, item_id, conversation_id, seq, kind, person_id, replays_turn_id
    )
    SELECT $1, $3, conversation_id, last_seq, 'System', person_id, $2
    FROM conversation
)

INSERT INTO konstruct.dispatch AS d (tenant_id, conversation_id, agent_id, opened_at, due_at)
SELECT $1, conversation_id, agent_id, now(), now()
FROM conversation
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
    opened_at = coalesce(d.opened_at, excluded.opened_at),
    due_at = CASE WHEN d.opened_at IS NULL THEN excluded.due_at ELSE d.due_at END,
    active_at = now()
RETURNING conversation_id
