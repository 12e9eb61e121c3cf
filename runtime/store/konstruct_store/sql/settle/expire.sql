-- Settle a parked conversation's old items as Expired. The dispatch row is locked first.
-- $1 tenant, $2 conversation, $3 hours
WITH hot AS MATERIALIZED (
    SELECT d.conversation_id
    FROM konstruct.dispatch AS d
    WHERE
        d.tenant_id = $1 AND d.conversation_id = $2 AND d.turn_id IS NULL AND d.due_at IS NULL
    FOR UPDATE
),

item AS (
    UPDATE konstruct.inbox AS i
    SET disposition = 'Expired', reason = 'Suspended', settled_at = now()
    FROM hot
    WHERE
        i.tenant_id = $1
        AND i.conversation_id = $2
        AND i.disposition IS NULL
        AND i.turn_id IS NULL
        AND i.received_at <= now() - $3 * interval '1 hour'
    RETURNING i.item_id, i.seq
)

SELECT item_id FROM item ORDER BY seq
