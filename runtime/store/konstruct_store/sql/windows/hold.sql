-- Keep a delivery until the person writes, if the attempt is the present one; the next one is due.
-- If the person wrote since it was claimed, it is tried again instead. The conversation is locked.
-- $1 tenant, $2 delivery, $3 attempt, $4 reason, $5 the window's end when it was claimed,
-- $6 whether the vendor said so, and not only our clock
WITH held AS (
    UPDATE konstruct.deliveries AS d
    SET
        state = CASE WHEN c.window_ends_at IS DISTINCT FROM $5 THEN 'Queued' ELSE 'Held' END,
        cause = CASE WHEN c.window_ends_at IS DISTINCT FROM $5 THEN '' ELSE 'Window' END,
        reason = CASE WHEN c.window_ends_at IS DISTINCT FROM $5 THEN 'NotSent' ELSE $4 END,
        held = d.held + 1
    FROM konstruct.conversations AS c
    WHERE
        d.tenant_id = $1
        AND d.delivery_id = $2
        AND d.attempt = $3
        AND d.state = 'Sending'
        AND c.tenant_id = $1
        AND c.conversation_id = d.conversation_id
    RETURNING d.conversation_id, d.state = 'Held' AS held
),

closed AS (
    UPDATE konstruct.conversations AS c
    SET window_ends_at = now()
    FROM held AS h
    WHERE
        c.tenant_id = $1
        AND c.conversation_id = h.conversation_id
        AND h.held
        AND $6::boolean
        AND (c.window_ends_at IS NULL OR c.window_ends_at > now())
),

next AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = now()
    FROM held AS h
    WHERE d.tenant_id = $1 AND d.conversation_id = h.conversation_id
)

SELECT conversation_id, held FROM held
