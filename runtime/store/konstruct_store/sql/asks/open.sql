-- Keep what a question offers, for as long as it may be answered.
-- $1 tenant, $2 ask, $3 conversation, $4 turn, $5 seq, $6 part, $7 choices,
-- $8 lifetime in seconds
INSERT INTO konstruct.asks (
    tenant_id, ask_id, conversation_id, turn_id, seq, part, choices, expires_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second')
