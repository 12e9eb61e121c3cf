-- A person stops the turn that is open; whoever works on it is told at the next step.
-- $1 tenant, $2 conversation, $3 turn
UPDATE konstruct.turns
SET stop_requested = true
WHERE
    tenant_id = $1 AND turn_id = $3 AND conversation_id = $2 AND state IN ('Queued', 'Claimed')
