-- Say anew since when a parked conversation waits, after some of its items were settled.
-- $1 tenant, $2 conversation
UPDATE konstruct.dispatch AS d
SET
    opened_at = (
        SELECT min(i.received_at)
        FROM konstruct.inbox AS i
        WHERE
            i.tenant_id = $1
            AND i.conversation_id = $2
            AND i.disposition IS NULL
            AND i.turn_id IS NULL
    )
WHERE d.tenant_id = $1 AND d.conversation_id = $2 AND d.turn_id IS NULL
