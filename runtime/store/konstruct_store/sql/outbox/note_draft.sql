-- Say what is known of a draft's message at the vendor; nothing holds its reply back any more.
-- $1 tenant, $2 delivery, $3 attempt of the turn, $4 vendor's id (null: unchanged),
-- $5 whether the vendor may show it at all
WITH noted AS (
    UPDATE konstruct.deliveries
    SET vendor_id = coalesce($4, vendor_id), drafted = $5, held_until = NULL
    WHERE
        tenant_id = $1
        AND delivery_id = $2
        AND draft_attempt = $3
        AND state IN ('Drafting', 'Queued')
    RETURNING conversation_id, state
),

due AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = now()
    FROM noted AS n
    WHERE d.tenant_id = $1 AND d.conversation_id = n.conversation_id AND n.state = 'Queued'
)

SELECT conversation_id FROM noted
