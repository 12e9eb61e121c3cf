-- Nothing here can be claimed: an exhausted turn goes to the sweeper, an empty row goes idle.
-- $1 tenant, $2 conversation
UPDATE konstruct.dispatch
SET
    due_at = NULL,
    lease_until = NULL,
    opened_at = CASE WHEN turn_id IS NOT NULL THEN '-infinity'::timestamptz END
WHERE tenant_id = $1 AND conversation_id = $2
