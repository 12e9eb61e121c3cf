-- Forget the hot rows of conversations that were idle for longer than any idle time we keep.
-- $1 hours, $2 limit
DELETE FROM konstruct.dispatch
WHERE ctid = any(ARRAY(
    SELECT i.ctid
    FROM konstruct.dispatch AS i
    WHERE i.opened_at IS NULL AND i.active_at <= now() - $1 * interval '1 hour'
    ORDER BY i.active_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
