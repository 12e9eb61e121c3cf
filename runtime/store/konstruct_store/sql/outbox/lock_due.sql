-- Lock conversations with something to send, the longest due first, a few of each tenant.
-- $1 lease seconds, $2 limit, $3 limit per tenant
WITH due AS (
    SELECT tenant_id, conversation_id, due_at
    FROM konstruct.delivery_dispatch
    WHERE due_at <= now()
    ORDER BY due_at
    LIMIT $2 * 10
),

fair AS (
    SELECT
        tenant_id, conversation_id, due_at,
        row_number() OVER (PARTITION BY tenant_id ORDER BY due_at) AS place
    FROM due
),

locked AS (
    SELECT d.tenant_id, d.conversation_id
    FROM fair AS f
    INNER JOIN konstruct.delivery_dispatch AS d
        ON d.tenant_id = f.tenant_id AND d.conversation_id = f.conversation_id
    WHERE f.place <= $3 AND d.due_at <= now()
    ORDER BY f.due_at
    LIMIT $2
    FOR UPDATE OF d SKIP LOCKED
)

UPDATE konstruct.delivery_dispatch AS d
SET due_at = now() + $1 * interval '1 second'
FROM locked AS l
WHERE d.tenant_id = l.tenant_id AND d.conversation_id = l.conversation_id
RETURNING d.tenant_id, d.conversation_id
