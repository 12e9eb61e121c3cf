-- Append an entry that belongs to no turn.
-- $1 tenant, $2 conversation, $3 kind, $4 payload
WITH conversation AS (
    UPDATE konstruct.conversations
    SET last_seq = last_seq + 1
    WHERE tenant_id = $1 AND conversation_id = $2
    RETURNING last_seq
)

INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
SELECT $1, $2, last_seq, $3, $4
FROM conversation
RETURNING seq, kind, payload, at, turn_id
