-- Settle a turn: state, items, log entry, deliveries, and what the conversation waits for next.
-- Conversation, dispatch row and turn are locked.
-- $1 tenant, $2 turn, $3 conversation, $4 turn's state, $5 items' disposition, $6 reason,
-- $7 reply, $8 settled by, $9 kind of log entry (null: none), $10 its payload,
-- $11 deliveries [{id, part, text, file}], $12 their state
WITH conversation AS (
    UPDATE konstruct.conversations
    SET
        last_seq = last_seq + CASE WHEN $9::text IS NULL THEN 0 ELSE 1 END,
        active_at = now(),
        active_hour = date_trunc('hour', now(), 'UTC')
    WHERE tenant_id = $1 AND conversation_id = $3
    RETURNING last_seq, connection_id
),

entry AS (
    INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload, turn_id)
    SELECT $1, $3, last_seq, $9, $10, $2
    FROM conversation
    WHERE $9::text IS NOT NULL
    RETURNING seq, kind, payload, at, turn_id
),

turn AS (
    UPDATE konstruct.turns AS t
    SET
        state = $4,
        disposition = $5,
        reason = $6,
        reply_id = $7,
        reply_seq = (SELECT e.seq FROM entry AS e),
        settled_by = $8,
        settled_at = now()
    WHERE t.tenant_id = $1 AND t.turn_id = $2
    RETURNING t.first_seq, t.last_seq
),

items AS (
    UPDATE konstruct.inbox AS i
    SET disposition = $5, reason = $6, settled_at = now()
    FROM turn AS t
    WHERE
        i.tenant_id = $1
        AND i.conversation_id = $3
        AND i.seq BETWEEN t.first_seq AND t.last_seq
        AND i.turn_id = $2
        AND i.disposition IS NULL
),

rest AS (
    SELECT
        min(i.received_at) AS oldest,
        (
            SELECT c.suspended
            FROM konstruct.registry_claims AS c
            WHERE c.tenant_id = $1
        ) IS TRUE AS suspended
    FROM konstruct.inbox AS i
    WHERE
        i.tenant_id = $1
        AND i.conversation_id = $3
        AND i.disposition IS NULL
        AND i.turn_id IS NULL
),

hot AS (
    UPDATE konstruct.dispatch AS d
    SET
        turn_id = NULL,
        lease_until = NULL,
        opened_at = rest.oldest,
        due_at = CASE WHEN rest.oldest IS NOT NULL AND NOT rest.suspended THEN now() END,
        active_at = now()
    FROM rest
    WHERE d.tenant_id = $1 AND d.conversation_id = $3
),

parts AS (
    SELECT
        p.id, p.part, p.text, p.file,
        $12 = 'Queued' AND row_number() OVER (ORDER BY p.part) = 1 AS leads
    FROM jsonb_to_recordset($11::jsonb) AS p (id uuid, part integer, text text, file uuid)
),

-- What the vendor shows already becomes the first part, or says that there is no more to come.
draft AS (
    UPDATE konstruct.deliveries AS d
    SET
        seq = c.last_seq,
        text = coalesce(p.text, $13),
        state = CASE
            WHEN p.leads OR (d.drafted AND $13 <> '') THEN 'Queued' ELSE 'Withheld'
        END,
        settled_at = CASE WHEN p.leads OR (d.drafted AND $13 <> '') THEN NULL ELSE now() END
    FROM conversation AS c
    LEFT JOIN parts AS p ON p.leads
    WHERE d.tenant_id = $1 AND d.turn_id = $2 AND d.part = 0 AND d.state = 'Drafting'
    RETURNING d.state, d.held_until
),

delivery AS (
    INSERT INTO konstruct.deliveries (
        tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state,
        settled_at, media_id
    )
    SELECT
        $1, p.id, $3, c.connection_id, $2,
        p.part + CASE WHEN $12 = 'Withheld' AND EXISTS (SELECT FROM draft) THEN 1 ELSE 0 END,
        c.last_seq, p.text, $12,
        CASE WHEN $12 = 'Withheld' THEN now() END,
        p.file
    FROM conversation AS c
    CROSS JOIN parts AS p
    WHERE NOT (p.leads AND EXISTS (SELECT FROM draft))
    RETURNING state, held_until
),

outgoing AS (
    -- Where the row exists it is locked: a sender that finds nothing more to send drops it.
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT
        $1, $3, (SELECT c.connection_id FROM conversation AS c),
        greatest(now(), max(o.held_until))
    FROM (
        SELECT state, held_until FROM draft
        UNION ALL
        SELECT state, held_until FROM delivery
    ) AS o
    WHERE o.state = 'Queued'
    HAVING count(*) > 0
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = d.due_at
)

SELECT e.seq, e.kind, e.payload, e.at, e.turn_id, r.oldest IS NOT NULL AS more
FROM entry AS e
CROSS JOIN rest AS r
