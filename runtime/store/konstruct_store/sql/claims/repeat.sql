-- Repeat a claim whose answer was lost: the same turn and attempt, one more token for it.
-- $1 tenant, $2 conversation, $3 turn, $4 claim, $5 token hash, $6 lease seconds
WITH turn AS (
    UPDATE konstruct.turns AS t
    SET token_hashes = (ARRAY[$5::bytea] || t.token_hashes)[1:8]
    WHERE t.tenant_id = $1 AND t.turn_id = $3 AND t.claim_id = $4 AND t.state = 'Claimed'
    RETURNING t.turn_id
)

UPDATE konstruct.dispatch AS d
SET due_at = now() + $6 * interval '1 second', lease_until = now() + $6 * interval '1 second'
FROM turn
WHERE d.tenant_id = $1 AND d.conversation_id = $2
RETURNING d.turn_id
