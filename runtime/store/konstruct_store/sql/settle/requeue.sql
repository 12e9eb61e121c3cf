-- A turn whose lease ran out is claimed no longer; without progress that is a strike.
-- Attempt and token stay, so whoever held it may still complete until somebody claims it.
-- $1 tenant, $2 conversation
WITH hot AS MATERIALIZED (
    SELECT d.turn_id
    FROM konstruct.dispatch AS d
    WHERE d.tenant_id = $1 AND d.conversation_id = $2 AND d.lease_until <= now()
    FOR UPDATE SKIP LOCKED
),

turn AS (
    UPDATE konstruct.turns AS t
    SET
        state = 'Queued',
        claim_id = NULL,
        strikes = t.strikes + CASE WHEN t.step_count = t.steps_at_claim THEN 1 ELSE 0 END
    FROM hot
    WHERE t.tenant_id = $1 AND t.turn_id = hot.turn_id AND t.state = 'Claimed'
)

UPDATE konstruct.dispatch AS d
SET lease_until = NULL
FROM hot
WHERE d.tenant_id = $1 AND d.conversation_id = $2
