-- Take a client-made id, once; no row comes back when it was taken before.
-- $1 tenant, $2 connection, $3 key, $4 item
INSERT INTO konstruct.dedupe_keys (tenant_id, connection_id, key, item_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING item_id
