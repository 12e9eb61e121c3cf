-- Record ignored deliveries: their keys and their disposition, once.
-- $1 tenant, $2 items: n, item_id, connection_id, keys, reason, known
WITH item AS MATERIALIZED (
    SELECT i.*
    FROM jsonb_to_recordset($2::jsonb) AS i (
        n integer, item_id uuid, connection_id uuid, keys text [], reason text, known boolean
    )
),

fresh AS (
    INSERT INTO konstruct.dedupe_keys (tenant_id, connection_id, key, item_id)
    SELECT $1, i.connection_id, k.key, i.item_id
    FROM item AS i, unnest(i.keys) AS k (key)
    ORDER BY i.connection_id, k.key, i.n
    ON CONFLICT DO NOTHING
    RETURNING item_id
)

INSERT INTO konstruct.ignored_items (tenant_id, item_id, connection_id, reason, known)
SELECT $1, i.item_id, i.connection_id, i.reason, i.known
FROM item AS i
WHERE cardinality(i.keys) = 0 OR EXISTS (SELECT FROM fresh AS f WHERE f.item_id = i.item_id)
