-- Renew the leases a pod may renew and say of each turn how it goes on. Dispatch rows are locked.
-- An expired lease that nobody took over is renewed too.
-- $1 tenant, $2 turns, $3 attempts, $4 token hashes, $5 lease seconds
WITH held AS (
    SELECT t.turn_id, t.conversation_id, t.state, t.stop_requested, c.mode
    FROM unnest($2::uuid [], $3::integer [], $4::bytea []) AS h (turn_id, attempt, token_hash)
    INNER JOIN konstruct.turns AS t ON t.tenant_id = $1 AND t.turn_id = h.turn_id
    INNER JOIN konstruct.conversations AS c
        ON c.tenant_id = $1 AND c.conversation_id = t.conversation_id
    WHERE
        t.state IN ('Queued', 'Claimed')
        AND t.attempt = h.attempt
        AND h.token_hash = any(t.token_hashes)
),

leased AS (
    UPDATE konstruct.dispatch AS d
    SET
        due_at = now() + $5 * interval '1 second',
        lease_until = now() + $5 * interval '1 second',
        active_at = now()
    FROM held AS h
    WHERE d.tenant_id = $1 AND d.conversation_id = h.conversation_id AND d.turn_id = h.turn_id
),

again AS (
    UPDATE konstruct.turns AS t
    SET state = 'Claimed'
    FROM held AS h
    WHERE t.tenant_id = $1 AND t.turn_id = h.turn_id AND h.state = 'Queued'
)

SELECT
    turn_id,
    CASE WHEN stop_requested OR mode = 'Human' THEN 'Stop' ELSE 'Continue' END AS verdict
FROM held
