-- Say something that no turn said: a log entry and, where a vendor carries it, one delivery.
-- The conversation is locked.
-- $1 tenant, $2 conversation, $3 its id, $4 kind of entry, $5 payload, $6 text,
-- $7 whether a vendor carries it
WITH conversation AS (
    UPDATE konstruct.conversations
    SET
        last_seq = last_seq + 1,
        active_at = now(),
        active_hour = date_trunc('hour', now(), 'UTC')
    WHERE tenant_id = $1 AND conversation_id = $2
    RETURNING last_seq, connection_id
),

entry AS (
    INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
    SELECT $1, $2, last_seq, $4, $5
    FROM conversation
    RETURNING seq, kind, payload, at, turn_id
),

delivery AS (
    INSERT INTO konstruct.deliveries (
        tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state
    )
    SELECT $1, $3, $2, connection_id, $3, 0, last_seq, $6, 'Queued'
    FROM conversation
    WHERE $7::boolean
),

outgoing AS (
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT $1, $2, connection_id, now()
    FROM conversation
    WHERE $7::boolean
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = d.due_at
)

SELECT seq, kind, payload, at, turn_id FROM entry
