-- Lock conversations with something to send: every tenant's first, then every tenant's second, and
-- within a tenant the connections in rotation; of each the longest due first.
-- $1 lease seconds, $2 limit, $3 limit per tenant, $4 tenants that are being sent for,
-- $5 how much of each, $6 connections that are held back, $7 replica that claims (null: one that
-- tells nobody that it lives)
WITH RECURSIVE queues AS (
    SELECT
        '00000000-0000-0000-0000-000000000000'::uuid AS tenant_id,
        '00000000-0000-0000-0000-000000000000'::uuid AS connection_id
    UNION ALL
    SELECT n.tenant_id, n.connection_id
    FROM queues AS q
    CROSS JOIN LATERAL (
        SELECT d.tenant_id, d.connection_id
        FROM konstruct.delivery_dispatch AS d
        WHERE (d.tenant_id, d.connection_id) > (q.tenant_id, q.connection_id)
        ORDER BY d.tenant_id, d.connection_id
        LIMIT 1
    ) AS n
),

due AS (
    SELECT q.tenant_id, h.place, h.due_at, h.place_in_queue
    FROM queues AS q
    CROSS JOIN LATERAL (
        SELECT d.ctid AS place, d.due_at, row_number() OVER (ORDER BY d.due_at) AS place_in_queue
        FROM konstruct.delivery_dispatch AS d
        WHERE
            d.tenant_id = q.tenant_id
            AND d.connection_id = q.connection_id
            AND d.due_at <= now()
        ORDER BY d.due_at
        LIMIT $3
    ) AS h
    WHERE q.connection_id <> ALL($6::uuid [])
),

fair AS (
    SELECT
        d.place, d.due_at, coalesce(b.sending, 0) + row_number() OVER (
            PARTITION BY d.tenant_id ORDER BY d.place_in_queue, d.due_at
        ) AS turn
    FROM due AS d
    LEFT JOIN unnest($4::uuid [], $5::integer []) AS b (tenant_id, sending)
        ON b.tenant_id = d.tenant_id
),

chosen AS (
    SELECT f.place
    FROM fair AS f
    WHERE f.turn <= $3
    ORDER BY f.turn, f.due_at
    LIMIT $2
),

locked AS (
    SELECT d.tenant_id, d.conversation_id
    FROM konstruct.delivery_dispatch AS d
    WHERE d.ctid = any(ARRAY(SELECT c.place FROM chosen AS c)) AND d.due_at <= now()
    FOR UPDATE SKIP LOCKED
)

UPDATE konstruct.delivery_dispatch AS d
SET
    due_at = now() + $1 * interval '1 second',
    leased_until = now() + $1 * interval '1 second',
    replica_id = $7
FROM locked AS l
WHERE d.tenant_id = l.tenant_id AND d.conversation_id = l.conversation_id
RETURNING d.tenant_id, d.conversation_id
