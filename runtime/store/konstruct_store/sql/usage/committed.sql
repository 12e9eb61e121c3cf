-- What is spent and reserved of the month by tenant, agent and person, and what has expired.
-- The tenant's total is locked.
-- $1 tenant, $2 month, $3 agent, $4 person, $5 turn, $6 step
SELECT
    coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Tenant'), 0)::bigint
        AS tenant,
    coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Agent'), 0)::bigint
        AS agent,
    coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Person'), 0)::bigint
        AS person,
    EXISTS (
        SELECT FROM konstruct.usage_reservations AS r
        WHERE r.tenant_id = $1 AND r.expires_at <= now()
    ) AS expired,
    EXISTS (
        SELECT FROM konstruct.usage_reservations AS r
        WHERE r.tenant_id = $1 AND r.turn_id = $5 AND r.step_number = $6
    ) AS repeated
FROM konstruct.usage_totals
WHERE
    tenant_id = $1
    AND month = $2
    AND (scope, subject) IN (('Tenant', ''), ('Agent', $3::uuid::text), ('Person', $4::uuid::text))
