-- Commit the row of a reply in the making, or let a later attempt of the turn go on with it.
-- Nothing comes back when the turn is lost, stopped or in a human's hands, when a later attempt
-- has the draft, while another's call may be under way, or while an earlier reply of the
-- conversation is on its way: order comes first.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 delivery, $6 hold in seconds
WITH turn AS MATERIALIZED (
    SELECT t.conversation_id, c.connection_id
    FROM konstruct.turns AS t
    INNER JOIN konstruct.conversations AS c
        ON c.tenant_id = t.tenant_id AND c.conversation_id = t.conversation_id
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $2
        AND t.state IN ('Queued', 'Claimed')
        AND t.attempt = $3
        AND $4 = any(t.token_hashes)
        AND NOT t.stop_requested
        AND c.mode = 'Agent'
    FOR UPDATE OF t
)

INSERT INTO konstruct.deliveries AS d (
    tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state,
    drafted, draft_attempt, held_until
)
SELECT
    $1, $5, t.conversation_id, t.connection_id, $2, 0, 0, '', 'Drafting',
    true, $3, now() + $6 * interval '1 second'
FROM turn AS t
WHERE NOT EXISTS (
    SELECT
    FROM konstruct.deliveries AS o
    WHERE
        o.tenant_id = $1
        AND o.conversation_id = t.conversation_id
        AND o.state IN ('Queued', 'Sending')
)
ON CONFLICT (tenant_id, turn_id, part) DO UPDATE SET
    drafted = true,
    draft_attempt = excluded.draft_attempt,
    held_until = excluded.held_until,
    shown = ''
WHERE
    d.state = 'Drafting'
    AND d.draft_attempt <= excluded.draft_attempt
    AND (d.held_until IS NULL OR d.held_until <= now())
RETURNING d.delivery_id, d.vendor_id, d.queued_at, d.delivery_id <> $5 AS begun
