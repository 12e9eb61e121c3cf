-- Tell the person, once per turn, that its reply could not be sent: a notice and its delivery.
-- Only for what was a reply, and while the agent has the conversation. The conversation is locked.
-- $1 tenant, $2 conversation, $3 the notice's id, $4 turn, $5 seq of the reply, $6 payload, $7 text
WITH conversation AS (
    UPDATE konstruct.conversations AS c
    SET last_seq = c.last_seq + 1
    WHERE
        c.tenant_id = $1
        AND c.conversation_id = $2
        AND c.mode = 'Agent'
        AND EXISTS (
            SELECT FROM konstruct.log AS l
            WHERE
                l.tenant_id = $1
                AND l.conversation_id = $2
                AND l.seq = $5
                AND l.kind IN ('Reply', 'Ask')
        )
        AND NOT EXISTS (
            SELECT FROM konstruct.deliveries AS d
            WHERE d.tenant_id = $1 AND d.about_turn_id = $4
        )
    RETURNING c.last_seq, c.connection_id
),

entry AS (
    INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
    SELECT $1, $2, last_seq, 'Notice', $6
    FROM conversation
    RETURNING seq, kind, payload, at, turn_id
),

delivery AS (
    INSERT INTO konstruct.deliveries (
        tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state,
        about_turn_id
    )
    SELECT $1, $3, $2, connection_id, $3, 0, last_seq, $7, 'Queued', $4
    FROM conversation
),

outgoing AS (
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT $1, $2, connection_id, now()
    FROM conversation
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = d.due_at
)

SELECT seq, kind, payload, at, turn_id FROM entry
