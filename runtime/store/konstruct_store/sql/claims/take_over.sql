-- Claim an open turn again: a new attempt with a new token fences off the one before.
-- A lease that ran out without a newly journalled step is a strike; no row comes back for the last.
-- $1 tenant, $2 conversation, $3 turn, $4 claim, $5 pod, $6 boot, $7 token hash,
-- $8 lease seconds, $9 most strikes
WITH turn AS (
    UPDATE konstruct.turns AS t
    SET
        attempt = t.attempt + 1,
        strikes = t.strikes
        + CASE WHEN t.state = 'Claimed' AND t.step_count = t.steps_at_claim THEN 1 ELSE 0 END,
        state = 'Claimed',
        claim_id = $4,
        pod = $5,
        boot_id = $6,
        token_hashes = ARRAY[$7::bytea],
        steps_at_claim = t.step_count,
        claimed_at = now()
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $3
        AND t.state IN ('Queued', 'Claimed')
        AND t.strikes
        + CASE WHEN t.state = 'Claimed' AND t.step_count = t.steps_at_claim THEN 1 ELSE 0 END < $9
    RETURNING t.turn_id
)

UPDATE konstruct.dispatch AS d
SET
    due_at = now() + $8 * interval '1 second',
    lease_until = now() + $8 * interval '1 second',
    active_at = now()
FROM turn
WHERE d.tenant_id = $1 AND d.conversation_id = $2
RETURNING d.turn_id
