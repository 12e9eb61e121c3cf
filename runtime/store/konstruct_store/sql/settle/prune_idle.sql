-- Forget the hot rows of conversations that were idle for longer than any idle time we keep.
-- $1 hours, $2 limit
DELETE FROM konstruct.dispatch AS d
USING (
    SELECT i.tenant_id, i.conversation_id
    FROM konstruct.dispatch AS i
    WHERE i.opened_at IS NULL AND i.active_at <= now() - $1 * interval '1 hour'
    ORDER BY i.active_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
) AS old
WHERE d.tenant_id = old.tenant_id AND d.conversation_id = old.conversation_id
