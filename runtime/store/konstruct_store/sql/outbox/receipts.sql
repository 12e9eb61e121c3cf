-- Record what the vendor says became of messages, in whatever order and however often it says so.
-- The highest wins: sent, delivered, read; failed ends all. It also settles a delivery whose
-- sending was in doubt, and what waits behind it is due. Our own mark finds a delivery whose
-- vendor's id never came.
-- $1 tenant, $2 connection, $3 receipts: n, vendor_id, delivery_id, status, cause, reason
WITH given AS MATERIALIZED (
    SELECT
        r.*, array_position('{"", sent, delivered, read, failed}'::text [], r.status) AS rank
    FROM jsonb_to_recordset($3::jsonb) AS r (
        n integer, vendor_id text, delivery_id uuid, status text, cause text, reason text
    )
),

found AS MATERIALIZED (
    SELECT g.n, g.vendor_id, g.rank, g.status, g.cause, g.reason, d.found_id
    FROM given AS g
    CROSS JOIN LATERAL (
        SELECT o.delivery_id AS found_id
        FROM konstruct.deliveries AS o
        WHERE o.tenant_id = $1 AND o.connection_id = $2 AND o.vendor_id = g.vendor_id
        UNION ALL
        SELECT o.delivery_id
        FROM konstruct.deliveries AS o
        WHERE o.tenant_id = $1 AND o.delivery_id = g.delivery_id AND o.connection_id = $2
        LIMIT 1
    ) AS d
),

highest AS (
    SELECT DISTINCT ON (found_id) found_id, vendor_id, rank, status, cause, reason
    FROM found
    ORDER BY found_id, rank DESC, n
),

locked AS MATERIALIZED (
    SELECT d.delivery_id
    FROM konstruct.deliveries AS d
    INNER JOIN highest AS h ON d.delivery_id = h.found_id
    WHERE
        d.tenant_id = $1
        AND array_position('{"", sent, delivered, read, failed}'::text [], d.receipt) < h.rank
    ORDER BY d.delivery_id
    FOR UPDATE OF d
),

changed AS (
    UPDATE konstruct.deliveries AS d
    SET
        receipt = h.status,
        receipt_at = now(),
        vendor_id = coalesce(d.vendor_id, h.vendor_id),
        state = CASE
            WHEN d.state = 'Withheld' THEN d.state
            WHEN h.status = 'failed' THEN 'Refused'
            WHEN d.state IN ('Queued', 'Sending', 'Unknown') THEN 'Sent'
            ELSE d.state
        END,
        cause = CASE WHEN h.status = 'failed' AND d.state <> 'Withheld' THEN h.cause ELSE d.cause END,
        reason = CASE
            WHEN h.status = 'failed' AND d.state <> 'Withheld' THEN h.reason
            WHEN d.state IN ('Queued', 'Sending', 'Unknown') THEN ''
            ELSE d.reason
        END,
        settled_at = coalesce(d.settled_at, now())
    FROM highest AS h, locked AS l
    WHERE d.tenant_id = $1 AND d.delivery_id = l.delivery_id AND h.found_id = l.delivery_id
    RETURNING d.delivery_id, d.conversation_id
),

due AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = now()
    FROM changed AS c
    WHERE d.tenant_id = $1 AND d.conversation_id = c.conversation_id
)

SELECT f.n, f.found_id, c.delivery_id IS NOT NULL AS changed
FROM found AS f
LEFT JOIN changed AS c ON f.found_id = c.delivery_id
ORDER BY f.n
