-- Forget the attempts under a key.
-- $1 key
DELETE FROM konstruct.portal_attempts
WHERE key = $1
