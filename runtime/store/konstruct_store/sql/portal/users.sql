-- All users by address.
SELECT user_id, email, password_hash, role, tenants, language, theme, disabled_at
FROM konstruct.portal_users
ORDER BY email
