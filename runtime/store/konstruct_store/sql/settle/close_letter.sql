-- Leave a dead letter as it is: an operator has seen it.
-- $1 tenant, $2 turn
UPDATE konstruct.dead_letters
SET closed_at = now()
WHERE tenant_id = $1 AND turn_id = $2 AND replayed_at IS NULL AND closed_at IS NULL
RETURNING conversation_id
