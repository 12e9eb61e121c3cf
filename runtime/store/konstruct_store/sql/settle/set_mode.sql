-- Change who answers a conversation; both ways leave a marker. Its rows are locked.
-- Entering Human settles what nobody began, and withholds what was not sent yet; a reply that the
-- vendor shows in part already is finished.
-- $1 tenant, $2 conversation, $3 mode, $4 actor
WITH conversation AS (
    UPDATE konstruct.conversations
    SET mode = $3, last_seq = last_seq + 1
    WHERE tenant_id = $1 AND conversation_id = $2
    RETURNING last_seq
),

silenced AS (
    UPDATE konstruct.inbox
    SET disposition = 'Silenced', reason = 'HumanHasConversation', settled_at = now()
    WHERE
        $3 = 'Human'
        AND tenant_id = $1
        AND conversation_id = $2
        AND disposition IS NULL
        AND turn_id IS NULL
),

withheld AS (
    UPDATE konstruct.deliveries AS d
    SET state = 'Withheld', settled_at = now()
    WHERE
        $3 = 'Human'
        AND d.tenant_id = $1
        AND d.conversation_id = $2
        AND d.state IN ('Queued', 'Held')
        AND NOT EXISTS (
            SELECT
            FROM konstruct.deliveries AS f
            WHERE f.tenant_id = $1 AND f.turn_id = d.turn_id AND f.drafted
        )
),

hot AS (
    UPDATE konstruct.dispatch
    SET opened_at = NULL, due_at = NULL
    WHERE $3 = 'Human' AND tenant_id = $1 AND conversation_id = $2 AND turn_id IS NULL
)

INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
SELECT
    $1, $2, last_seq, 'Marker', jsonb_build_object('code', 'Mode' || $3, 'actor', $4::text)
FROM conversation
RETURNING seq, kind, payload, at, turn_id
