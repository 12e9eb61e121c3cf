-- Book what a vendor charges a message of ours; the same message only once (no row comes back).
-- $1 tenant, $2 entry, $3 time zone, $4 month, $5 agent, $6 person, $7 turn, $8 delivery,
-- $9 what it is counted under, $10 category, $11 billable, $12 priced, $13 micro-USD
WITH entry AS (
    INSERT INTO konstruct.usage_ledger (
        tenant_id, entry_id, kind, day, agent_id, person_id, turn_id, model, input_tokens,
        output_tokens, cost_micro_usd, delivery_id, category, billable, priced
    )
    VALUES (
        $1, $2, 'Channel', (now() AT TIME ZONE $3)::date, $5, $6, $7, $9, 0, 0, $13, $8, $10, $11,
        $12
    )
    ON CONFLICT DO NOTHING
    RETURNING day
),

totals AS (
    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, spent_micro_usd)
    SELECT $1, $4, s.scope, s.subject, $13
    FROM entry
    CROSS JOIN LATERAL (
        VALUES ('Tenant', ''), ('Agent', $5::uuid::text), ('Person', $6::uuid::text)
    ) AS s (scope, subject)
    WHERE s.subject IS NOT NULL AND $13::bigint > 0
    ORDER BY s.scope DESC
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
        spent_micro_usd = t.spent_micro_usd + $13
)

INSERT INTO konstruct.usage_days AS d (
    tenant_id, day, agent_id, model, calls, cost_micro_usd
)
SELECT $1, e.day, $5, $9, 1, $13
FROM entry AS e
ON CONFLICT (tenant_id, day, agent_id, model) DO UPDATE SET
    calls = d.calls + 1,
    cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd
RETURNING d.day
