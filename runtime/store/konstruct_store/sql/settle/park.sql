-- A suspended tenant's conversation waits without being due. Its rows are locked.
-- $1 tenant, $2 conversation
UPDATE konstruct.dispatch
SET due_at = NULL
WHERE tenant_id = $1 AND conversation_id = $2 AND turn_id IS NULL
