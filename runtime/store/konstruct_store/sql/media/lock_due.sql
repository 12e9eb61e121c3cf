-- Lock files that are due to be fetched, the longest due first, a few of each tenant.
-- $1 lease seconds, $2 limit, $3 limit per tenant
WITH due AS (
    SELECT ctid AS place, tenant_id, due_at
    FROM konstruct.media_dispatch
    WHERE due_at <= now()
    ORDER BY due_at
    LIMIT 500
),

fair AS (
    SELECT
        place, due_at, row_number() OVER (PARTITION BY tenant_id ORDER BY due_at) AS turn
    FROM due
),

locked AS (
    SELECT d.tenant_id, d.media_id
    FROM konstruct.media_dispatch AS d
    WHERE
        d.ctid = any(ARRAY(SELECT f.place FROM fair AS f WHERE f.turn <= $3))
        AND d.due_at <= now()
    ORDER BY d.due_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)

UPDATE konstruct.media_dispatch AS d
SET due_at = now() + $1 * interval '1 second'
FROM locked AS l
WHERE d.tenant_id = l.tenant_id AND d.media_id = l.media_id
RETURNING d.tenant_id, d.media_id, extract(EPOCH FROM d.until - now())::float8 AS left_seconds
