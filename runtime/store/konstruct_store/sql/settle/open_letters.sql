-- Dead letters that nobody replayed or closed, the oldest first.
-- $1 tenant, $2 limit
SELECT turn_id
FROM konstruct.dead_letters
WHERE tenant_id = $1 AND replayed_at IS NULL AND closed_at IS NULL
ORDER BY died_at
LIMIT $2
