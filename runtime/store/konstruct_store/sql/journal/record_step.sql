-- Journal a step under the turn's row lock, if attempt and token are the turn's.
-- Started may become Done; anything else that is recorded stays, and no step comes back then.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 number, $6 kind, $7 state, $8 name,
-- $9 request, $10 result
WITH turn AS MATERIALIZED (
    SELECT t.turn_id, t.conversation_id, t.stop_requested
    FROM konstruct.turns AS t
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $2
        AND t.state IN ('Queued', 'Claimed')
        AND t.attempt = $3
        AND $4 = any(t.token_hashes)
    FOR UPDATE
),

step AS (
    INSERT INTO konstruct.steps AS s (
        tenant_id, turn_id, number, kind, state, name, request, result, attempt, done_at
    )
    SELECT
        $1, $2, $5, $6, $7, $8, $9, $10, $3, CASE WHEN $7 = 'Done' THEN now() END
    FROM turn
    ON CONFLICT (tenant_id, turn_id, number) DO UPDATE SET
        state = excluded.state,
        result = excluded.result,
        attempt = excluded.attempt,
        done_at = excluded.done_at
    WHERE s.state = 'Started' AND excluded.state = 'Done' AND s.kind = excluded.kind
    RETURNING s.number, s.kind, s.state, s.name, s.request, s.result
),

counted AS (
    UPDATE konstruct.turns AS t
    SET step_count = t.step_count + 1
    FROM step
    WHERE t.tenant_id = $1 AND t.turn_id = $2
)

SELECT
    step.number, step.kind, step.state, step.name, step.request, step.result,
    CASE WHEN turn.stop_requested OR c.mode = 'Human' THEN 'Stop' ELSE 'Continue' END AS verdict
FROM turn
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = $1 AND c.conversation_id = turn.conversation_id
LEFT JOIN step ON true
