-- Record what became of a delivery, if the attempt is the present one; the next one is due.
-- $1 tenant, $2 delivery, $3 attempt, $4 state, $5 vendor's id (null: unchanged), $6 reason,
-- $7 cause
WITH settled AS (
    UPDATE konstruct.deliveries
    SET
        state = $4,
        vendor_id = coalesce($5, vendor_id),
        reason = $6,
        cause = $7,
        settled_at = now()
    WHERE tenant_id = $1 AND delivery_id = $2 AND attempt = $3 AND state = 'Sending'
    RETURNING conversation_id
),

next AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = now()
    FROM settled AS s
    WHERE d.tenant_id = $1 AND d.conversation_id = s.conversation_id
)

SELECT conversation_id FROM settled
