-- What is wrong in some conversations: Dead, Refused, Unknown or Held, each once.
-- $1 tenant, $2 conversations
SELECT DISTINCT conversation_id, state AS trouble
FROM konstruct.deliveries
WHERE
    tenant_id = $1
    AND conversation_id = any($2::uuid [])
    AND state IN ('Refused', 'Unknown')
    AND closed_at IS NULL
UNION ALL
SELECT DISTINCT conversation_id, 'Held' AS trouble
FROM konstruct.deliveries
WHERE tenant_id = $1 AND conversation_id = any($2::uuid []) AND state = 'Held'
UNION ALL
SELECT DISTINCT conversation_id, 'Dead' AS trouble
FROM konstruct.dead_letters
WHERE
    tenant_id = $1
    AND conversation_id = any($2::uuid [])
    AND replayed_at IS NULL
    AND closed_at IS NULL
