-- The item that came first under any of these keys.
-- An ignored item has no conversation.
-- $1 tenant, $2 connection, $3 dedupe keys, $4 the item that turned out to be a repetition
SELECT k.item_id, i.conversation_id, i.seq, i.disposition IS NOT DISTINCT FROM 'Silenced' AS silenced
FROM konstruct.dedupe_keys AS k
LEFT JOIN konstruct.inbox AS i ON i.tenant_id = k.tenant_id AND i.item_id = k.item_id
WHERE
    k.tenant_id = $1 AND k.connection_id = $2 AND k.key = any($3::text []) AND k.item_id <> $4
ORDER BY k.received_at
LIMIT 1
