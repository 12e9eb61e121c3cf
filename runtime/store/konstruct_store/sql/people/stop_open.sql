-- Stop whatever turn is open; whoever works on it is told at the next step.
-- Conversation and dispatch row are locked.
-- $1 tenant, $2 conversation
UPDATE konstruct.turns
SET stop_requested = true
WHERE tenant_id = $1 AND conversation_id = $2 AND state IN ('Queued', 'Claimed')
