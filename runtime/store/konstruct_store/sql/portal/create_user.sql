-- Keep a new user. No row comes back when the address is taken.
-- $1 user, $2 email, $3 password hash, $4 role, $5 tenants, $6 language
INSERT INTO konstruct.portal_users (user_id, email, password_hash, role, tenants, language)
VALUES ($1, lower($2), $3, $4, $5, $6)
ON CONFLICT (email) DO NOTHING
RETURNING user_id, email, password_hash, role, tenants, language, theme, disabled_at
