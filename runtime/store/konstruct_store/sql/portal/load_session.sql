-- The live session of a token, with its user; note that it was used, once a minute at most.
-- $1 token hash, $2 idle seconds, $3 absolute seconds
WITH session AS (
    SELECT s.session_id, s.user_id, s.opened_at, s.seen_at, s.token_hash
    FROM konstruct.portal_sessions AS s
    WHERE
        s.token_hash = $1
        AND s.seen_at > now() - $2 * interval '1 second'
        AND s.opened_at > now() - $3 * interval '1 second'
),

seen AS (
    UPDATE konstruct.portal_sessions AS s
    SET seen_at = now()
    FROM session AS n
    WHERE s.token_hash = n.token_hash AND n.seen_at < now() - interval '1 minute'
)

SELECT
    n.session_id, n.opened_at, n.seen_at,
    u.user_id, u.email, u.password_hash, u.role, u.tenants, u.language, u.theme, u.disabled_at
FROM session AS n
INNER JOIN konstruct.portal_users AS u ON u.user_id = n.user_id
WHERE u.disabled_at IS NULL
