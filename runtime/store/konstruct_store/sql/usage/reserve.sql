-- Reserve an amount for one call against tenant, agent and person.
-- $1 tenant, $2 reservation, $3 turn, $4 step, $5 month, $6 agent, $7 person, $8 micro-USD,
-- $9 seconds until it expires
WITH reservation AS (
    INSERT INTO konstruct.usage_reservations (
        tenant_id, reservation_id, turn_id, step_number, month, agent_id, person_id, micro_usd,
        expires_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 second')
)

INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, reserved_micro_usd)
VALUES
($1, $5, 'Tenant', '', $8),
($1, $5, 'Agent', $6::uuid::text, $8),
($1, $5, 'Person', $7::uuid::text, $8)
ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
    reserved_micro_usd = t.reserved_micro_usd + excluded.reserved_micro_usd
