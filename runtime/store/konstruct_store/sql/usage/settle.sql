-- Book what a call cost and end its reservation; a reservation that is gone frees nothing.
-- The entry has the reservation's id, so that a repetition books nothing (no row comes back).
-- $1 tenant, $2 reservation, $3 kind, $4 time zone, $5 month, $6 agent, $7 person, $8 turn,
-- $9 step, $10 model, $11 input tokens, $12 output tokens, $13 micro-USD
WITH entry AS (
    INSERT INTO konstruct.usage_ledger (
        tenant_id, entry_id, kind, day, agent_id, person_id, turn_id, step_number, model,
        input_tokens, output_tokens, cost_micro_usd
    )
    VALUES (
        $1, $2, $3, (now() AT TIME ZONE $4)::date, $6, $7, $8, $9, $10, $11, $12, $13
    )
    ON CONFLICT DO NOTHING
    RETURNING entry_id, day
),

gone AS (
    DELETE FROM konstruct.usage_reservations AS r
    USING entry AS e
    WHERE r.tenant_id = $1 AND r.reservation_id = e.entry_id
    RETURNING r.micro_usd
),

subjects AS (
    SELECT s.scope, s.subject, coalesce((SELECT g.micro_usd FROM gone AS g), 0) AS freed
    FROM entry
    CROSS JOIN LATERAL (
        VALUES ('Tenant', ''), ('Agent', $6::uuid::text), ('Person', $7::uuid::text)
    ) AS s (scope, subject)
    WHERE s.subject IS NOT NULL
),

totals AS (
    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, spent_micro_usd)
    SELECT $1, $5, scope, subject, $13 FROM subjects ORDER BY scope DESC
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
        spent_micro_usd = t.spent_micro_usd + $13,
        reserved_micro_usd = greatest(
            0, t.reserved_micro_usd - coalesce((SELECT max(s.freed) FROM subjects AS s), 0)
        )
)

INSERT INTO konstruct.usage_days AS d (
    tenant_id, day, agent_id, model, calls, input_tokens, output_tokens, cost_micro_usd
)
SELECT $1, e.day, $6, $10, 1, $11, $12, $13
FROM entry AS e
ON CONFLICT (tenant_id, day, agent_id, model) DO UPDATE SET
    calls = d.calls + 1,
    input_tokens = d.input_tokens + excluded.input_tokens,
    output_tokens = d.output_tokens + excluded.output_tokens,
    cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd
RETURNING d.day
