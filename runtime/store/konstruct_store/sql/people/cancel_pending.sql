-- Settle what nobody began: the person does not want it answered any more.
-- Conversation and dispatch row are locked.
-- $1 tenant, $2 conversation
WITH cancelled AS (
    UPDATE konstruct.inbox
    SET disposition = 'Answered', reason = 'StoppedByPerson', settled_at = now()
    WHERE tenant_id = $1 AND conversation_id = $2 AND disposition IS NULL AND turn_id IS NULL
    RETURNING item_id
),

hot AS (
    UPDATE konstruct.dispatch
    SET opened_at = NULL, due_at = NULL
    WHERE tenant_id = $1 AND conversation_id = $2 AND turn_id IS NULL
)

SELECT count(*) FROM cancelled
