-- Forget sessions and attempts that are over.
-- $1 absolute seconds of a session, $2 seconds of an attempt's window
WITH sessions AS (
    DELETE FROM konstruct.portal_sessions
    WHERE opened_at <= now() - $1 * interval '1 second'
)

DELETE FROM konstruct.portal_attempts
WHERE since <= now() - $2 * interval '1 second'
