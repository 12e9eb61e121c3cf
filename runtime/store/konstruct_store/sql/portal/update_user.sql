-- Change what is given of a user; null leaves it.
-- $1 user, $2 password hash, $3 role, $4 tenants, $5 language, $6 theme, $7 disabled
UPDATE konstruct.portal_users
SET
    password_hash = coalesce($2, password_hash),
    role = coalesce($3, role),
    tenants = coalesce($4, tenants),
    language = coalesce($5, language),
    theme = coalesce($6, theme),
    disabled_at = CASE
        WHEN $7::boolean IS NULL THEN disabled_at
        WHEN $7 THEN coalesce(disabled_at, now())
    END
WHERE user_id = $1
