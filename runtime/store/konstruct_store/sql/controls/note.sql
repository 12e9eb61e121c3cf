-- Record a delivery that is no message, once: its keys and why it is none.
-- A row comes back when it is new.
-- $1 tenant, $2 connection, $3 dedupe keys, $4 item, $5 reason, $6 known
WITH fresh AS (
    INSERT INTO konstruct.dedupe_keys (tenant_id, connection_id, key, item_id)
    SELECT $1, $2, k.key, $4
    FROM unnest($3::text []) AS k (key)
    ORDER BY k.key
    ON CONFLICT DO NOTHING
    RETURNING key
)

INSERT INTO konstruct.ignored_items (tenant_id, item_id, connection_id, reason, known)
SELECT $1, $4, $2, $5, $6
WHERE cardinality($3::text []) = 0 OR EXISTS (SELECT FROM fresh)
RETURNING item_id
