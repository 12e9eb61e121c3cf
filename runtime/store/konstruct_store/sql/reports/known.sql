-- Which deliveries a vendor speaks of: by our own mark, else by the vendor's id of the message.
-- What is known as lost belongs to an attempt that is over.
-- $1 tenant, $2 connection, $3 [{n, delivery_id, vendor_id}]
WITH told AS (
    SELECT t.*
    FROM jsonb_to_recordset($3::jsonb) AS t (n integer, delivery_id uuid, vendor_id text)
)

SELECT t.n, o.delivery_id, o.conversation_id, o.state
FROM told AS t
INNER JOIN konstruct.deliveries AS o
    ON o.tenant_id = $1 AND o.delivery_id = t.delivery_id AND o.connection_id = $2
WHERE t.vendor_id <> ALL(o.lost_ids)
UNION ALL
SELECT t.n, o.delivery_id, o.conversation_id, o.state
FROM told AS t
INNER JOIN konstruct.deliveries AS o
    ON o.tenant_id = $1 AND o.connection_id = $2 AND o.vendor_id = t.vendor_id
WHERE t.delivery_id IS NULL AND t.vendor_id <> ALL(o.lost_ids)
