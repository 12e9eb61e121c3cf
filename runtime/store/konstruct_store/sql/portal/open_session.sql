-- Keep a session, known by the SHA-256 of its token.
-- $1 token hash, $2 session, $3 user, $4 user agent, $5 address
INSERT INTO konstruct.portal_sessions (token_hash, session_id, user_id, user_agent, address)
VALUES ($1, $2, $3, $4, $5)
