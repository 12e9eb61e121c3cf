-- The user of an address.
-- $1 email
SELECT user_id, email, password_hash, role, tenants, language, theme, disabled_at
FROM konstruct.portal_users
WHERE email = lower($1)
