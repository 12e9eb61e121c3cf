-- Ask the person by a template to write again: a notice and its delivery, once until the person
-- writes, and not while a human has the conversation. The conversation is locked.
-- $1 tenant, $2 conversation, $3 the notice's id, $4 payload, $5 text, $6 template
WITH conversation AS (
    UPDATE konstruct.conversations AS c
    SET last_seq = c.last_seq + 1, reopened_at = now()
    WHERE
        c.tenant_id = $1
        AND c.conversation_id = $2
        AND c.mode = 'Agent'
        AND c.reopened_at IS NULL
        AND EXISTS (
            SELECT FROM konstruct.deliveries AS d
            WHERE d.tenant_id = $1 AND d.conversation_id = $2 AND d.state = 'Held'
        )
    RETURNING c.last_seq, c.connection_id
),

entry AS (
    INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
    SELECT $1, $2, last_seq, 'Notice', $4
    FROM conversation
    RETURNING seq, kind, payload, at, turn_id
),

delivery AS (
    INSERT INTO konstruct.deliveries (
        tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state,
        template
    )
    SELECT $1, $3, $2, connection_id, $3, 0, last_seq, $5, 'Queued', $6
    FROM conversation
),

outgoing AS (
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT $1, $2, connection_id, now()
    FROM conversation
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = now()
)

SELECT seq, kind, payload, at, turn_id FROM entry
