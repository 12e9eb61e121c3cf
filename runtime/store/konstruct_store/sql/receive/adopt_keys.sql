-- Give the keys that a repetition brought to the item that came first.
-- $1 tenant, $2 connection, $3 dedupe keys, $4 the repetition, $5 the first item
UPDATE konstruct.dedupe_keys
SET item_id = $5
WHERE tenant_id = $1 AND connection_id = $2 AND key = any($3::text []) AND item_id = $4
