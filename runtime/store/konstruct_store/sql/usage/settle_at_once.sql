-- Journal a model step and book its cost in one round trip, in a transaction of its own.
-- The verdict comes back; null where something is unusual, and then nothing was kept.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 number, $6 kind, $7 state, $8 name and model,
-- $9 request, $10 result, $11 time zone, $12 reservation, $13 agent, $14 person, $15 input tokens,
-- $16 output tokens, $17 micro-USD, $18 month it was reserved in
SELECT konstruct.settle_at_once(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18
) AS verdict
