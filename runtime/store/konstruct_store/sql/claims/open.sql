-- Open a turn: freeze messages, window and agent revision. The dispatch row is locked.
-- The window begins after the last start over. A system item is taken alone. No row comes back
-- when nothing is pending, or an item's files are still waited for.
-- $1 tenant, $2 conversation, $3 turn, $4 claim, $5 pod, $6 boot, $7 token hash,
-- $8 lease seconds, $9 agent, $10 its revision, $11 its snapshot, $12 window turns,
-- $13 tenant's excerpt, $14 language where the person's is unknown
WITH pending AS MATERIALIZED (
    SELECT seq, kind, media_until
    FROM konstruct.inbox
    WHERE tenant_id = $1 AND conversation_id = $2 AND disposition IS NULL AND turn_id IS NULL
),

bound AS (
    SELECT min(seq) FILTER (WHERE kind = 'System') AS system, min(seq) AS first, max(seq) AS last
    FROM pending
),

-- Places are given as values and not by joins, so that no plan reads more of the tenant than them.
taken AS (
    UPDATE konstruct.inbox
    SET turn_id = $3
    WHERE
        tenant_id = $1
        AND conversation_id = $2
        AND disposition IS NULL
        AND turn_id IS NULL
        AND NOT EXISTS (SELECT FROM pending AS w WHERE w.media_until > now())
        AND seq <= (
            SELECT
                CASE
                    WHEN b.system IS NULL THEN b.last
                    WHEN b.system = b.first THEN b.first
                    ELSE b.system - 1
                END
            FROM bound AS b
        )
    RETURNING seq, person_id, replays_turn_id, received_at
),

turn AS (
    INSERT INTO konstruct.turns (
        tenant_id, turn_id, conversation_id, agent_id, agent_revision, tenant, language,
        person_id, replays_turn_id, state, attempt, claim_id, token_hashes, pod, boot_id,
        first_seq, last_seq, window_from, window_to, opened_at, claimed_at
    )
    SELECT
        $1, $3, $2, $9, $10, $13, coalesce(nullif(c.language, ''), $14),
        coalesce((array_agg(t.person_id ORDER BY t.seq))[1], c.person_id),
        (array_agg(t.replays_turn_id ORDER BY t.seq))[1],
        'Claimed', 1, $4, ARRAY[$7::bytea], $5, $6,
        min(t.seq), max(t.seq),
        CASE WHEN $12::integer > 0 THEN greatest(
            c.fresh_after + 1,
            (
                SELECT o.first_seq
                FROM konstruct.turns AS o
                WHERE o.tenant_id = $1 AND o.conversation_id = $2 AND o.first_seq > 0
                ORDER BY o.first_seq DESC
                OFFSET greatest($12::integer - 1, 0) LIMIT 1
            )
        ) END,
        c.last_seq, min(t.received_at), now()
    FROM taken AS t
    INNER JOIN konstruct.conversations AS c ON c.tenant_id = $1 AND c.conversation_id = $2
    GROUP BY c.tenant_id, c.conversation_id
    RETURNING turn_id
),

revision AS (
    INSERT INTO konstruct.agent_revisions (tenant_id, agent_id, revision, snapshot)
    SELECT $1, $9, $10, $11 FROM turn
    ON CONFLICT DO NOTHING
)

UPDATE konstruct.dispatch AS d
SET
    turn_id = turn.turn_id,
    due_at = now() + $8 * interval '1 second',
    lease_until = now() + $8 * interval '1 second',
    active_at = now()
FROM turn
WHERE d.tenant_id = $1 AND d.conversation_id = $2
RETURNING d.turn_id
