-- Queue what was refused or is unknown again, if it is as the operator saw it; then it is due.
-- The vendor is asked first; where it cannot be asked, it is sent all the same.
-- $1 tenant, $2 deliveries, $3 their attempts
WITH wanted AS (
    SELECT w.delivery_id, w.attempt
    FROM unnest($2::uuid [], $3::integer []) AS w (delivery_id, attempt)
),

again AS (
    UPDATE konstruct.deliveries AS d
    SET
        state = 'Queued',
        reason = 'SentAgain',
        cause = '',
        insisted = true,
        tried_since = NULL,
        settled_at = NULL,
        closed_at = NULL,
        sent_again = d.sent_again + 1
    FROM wanted AS w
    WHERE
        d.tenant_id = $1
        AND d.delivery_id = w.delivery_id
        AND d.attempt = w.attempt
        AND d.state IN ('Refused', 'Unknown')
    RETURNING d.delivery_id, d.conversation_id, d.connection_id
),

outgoing AS (
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT DISTINCT $1::uuid, a.conversation_id, a.connection_id, now()
    FROM again AS a
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = d.due_at
)

SELECT delivery_id, conversation_id FROM again
