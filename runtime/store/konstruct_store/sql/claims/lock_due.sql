-- Lock one conversation to claim: the one this claim has already, else the longest due.
-- SKIP LOCKED sees dispatch rows only, and their own columns decide.
-- $1 tenant, $2 claim, $3 agents that may begin turns
WITH repeated AS (
    SELECT d.conversation_id, d.turn_id, d.agent_id
    FROM konstruct.turns AS t
    INNER JOIN konstruct.dispatch AS d
        ON d.tenant_id = t.tenant_id AND d.conversation_id = t.conversation_id
    WHERE
        t.tenant_id = $1 AND t.claim_id = $2 AND t.state = 'Claimed' AND d.turn_id = t.turn_id
    FOR UPDATE OF d
),

due AS (
    SELECT d.conversation_id, d.turn_id, d.agent_id
    FROM konstruct.dispatch AS d
    WHERE
        d.tenant_id = $1
        AND d.due_at <= now()
        AND (d.turn_id IS NOT NULL OR d.agent_id = any($3::uuid []))
        AND NOT EXISTS (SELECT FROM repeated)
    ORDER BY d.due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)

SELECT conversation_id, turn_id, agent_id, true AS repeated FROM repeated
UNION ALL
SELECT conversation_id, turn_id, agent_id, false AS repeated FROM due
