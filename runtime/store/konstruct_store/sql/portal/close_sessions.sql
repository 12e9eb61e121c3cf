-- End sessions of a user.
-- $1 user, $2 only this session (null: all), $3 but this session (null: none)
DELETE FROM konstruct.portal_sessions
WHERE
    user_id = $1
    AND ($2::uuid IS NULL OR session_id = $2)
    AND ($3::uuid IS NULL OR session_id <> $3)
