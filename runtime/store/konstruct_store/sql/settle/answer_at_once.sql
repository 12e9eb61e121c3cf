-- End a turn with its answer in a transaction of its own and one round trip; see lock, settle and
-- audit/append. No row: something is unusual, and nothing has changed.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 reply, $6 its payload without the agent's name,
-- $7 deliveries, $8 audit digest, $9 its salt, $10 its payload
SELECT seq, kind, payload, at, turn_id, more
FROM konstruct.answer_at_once($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
