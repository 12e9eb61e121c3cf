-- A user's live sessions, the last used first.
-- $1 user, $2 idle seconds, $3 absolute seconds
SELECT session_id, opened_at, seen_at, user_agent, address
FROM konstruct.portal_sessions
WHERE
    user_id = $1
    AND seen_at > now() - $2 * interval '1 second'
    AND opened_at > now() - $3 * interval '1 second'
ORDER BY seen_at DESC
