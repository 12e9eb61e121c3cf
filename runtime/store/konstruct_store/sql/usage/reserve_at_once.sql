-- Reserve an amount in one round trip, in a transaction of its own.
-- No row comes back where something is unusual.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 step, $6 time zone, $7 reservation,
-- $8 micro-USD, $9 seconds until it expires, $10 tenant's limit, $11 agent's, $12 person's
SELECT agent_id, person_id, month
FROM konstruct.reserve_at_once($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
