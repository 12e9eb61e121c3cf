-- End the window: later turns do not hear what was said before. The conversation is locked.
-- $1 tenant, $2 conversation, $3 actor
WITH conversation AS (
    UPDATE konstruct.conversations
    SET last_seq = last_seq + 1, fresh_after = last_seq + 1
    WHERE tenant_id = $1 AND conversation_id = $2
    RETURNING last_seq
)

INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
SELECT $1, $2, last_seq, 'Marker', jsonb_build_object('code', 'StartedOver', 'actor', $3::text)
FROM conversation
RETURNING seq, kind, payload, at, turn_id
