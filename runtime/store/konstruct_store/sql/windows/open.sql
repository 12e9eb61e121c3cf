-- A person wrote: the vendor takes words of ours for a while. What was held is due, in its order.
-- Conversations are locked first, as whoever holds a delivery does; repeating it changes nothing.
-- $1 tenant, $2 conversations, $3 when each was written, $4 seconds that the window is open
WITH written AS (
    SELECT w.conversation_id, max(w.at) + $4 * interval '1 second' AS ends_at
    FROM unnest($2::uuid [], $3::timestamptz []) AS w (conversation_id, at)
    GROUP BY w.conversation_id
),

-- In the order in which messages are received: two batches never wait for each other in a circle.
locked AS MATERIALIZED (
    SELECT c.conversation_id
    FROM konstruct.conversations AS c
    INNER JOIN written AS w ON c.conversation_id = w.conversation_id
    WHERE c.tenant_id = $1
    ORDER BY c.connection_id, c.conversation_key
    FOR UPDATE OF c
),

opened AS (
    UPDATE konstruct.conversations AS c
    SET
        window_ends_at = greatest(c.window_ends_at, w.ends_at),
        reopened_at = CASE WHEN w.ends_at > now() THEN NULL ELSE c.reopened_at END
    FROM written AS w
    INNER JOIN locked AS l ON w.conversation_id = l.conversation_id
    WHERE c.tenant_id = $1 AND c.conversation_id = w.conversation_id
    RETURNING c.conversation_id, c.connection_id, c.window_ends_at > now() AS open
),

released AS (
    UPDATE konstruct.deliveries AS d
    SET
        state = 'Queued', cause = '', reason = 'NotSent', tried_since = NULL, settled_at = NULL
    FROM opened AS o
    WHERE
        d.tenant_id = $1
        AND d.conversation_id = o.conversation_id
        AND d.state = 'Held'
        AND o.open
    RETURNING d.delivery_id, d.conversation_id, o.connection_id
),

outgoing AS (
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT DISTINCT $1::uuid, r.conversation_id, r.connection_id, now()
    FROM released AS r
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = d.due_at
)

SELECT delivery_id, conversation_id FROM released
