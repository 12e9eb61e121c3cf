-- Queue a delivery again after a pause, if the attempt is the present one.
-- An attempt that brought the vendor nothing counts as held, and an operator's wish outlives it.
-- $1 tenant, $2 delivery, $3 attempt, $4 seconds, $5 reason, $6 an operator insists
WITH queued AS (
    UPDATE konstruct.deliveries
    SET
        state = 'Queued',
        reason = $5,
        held = held + CASE WHEN $5 = 'NotSent' THEN 1 ELSE 0 END,
        insisted = $6::boolean AND $5 = 'NotSent'
    WHERE tenant_id = $1 AND delivery_id = $2 AND attempt = $3 AND state = 'Sending'
    RETURNING conversation_id
),

later AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = now() + $4 * interval '1 second'
    FROM queued AS q
    WHERE d.tenant_id = $1 AND d.conversation_id = q.conversation_id
)

SELECT conversation_id FROM queued
