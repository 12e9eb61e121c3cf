-- Give back what calls reserved that never came back.
-- $1 tenant
WITH gone AS (
    DELETE FROM konstruct.usage_reservations
    WHERE tenant_id = $1 AND expires_at <= now()
    RETURNING month, agent_id, person_id, micro_usd
),

freed AS (
    SELECT month, s.scope, s.subject, sum(micro_usd)::bigint AS micro_usd
    FROM gone
    CROSS JOIN LATERAL (
        VALUES ('Tenant', ''), ('Agent', agent_id::text), ('Person', person_id::text)
    ) AS s (scope, subject)
    GROUP BY month, s.scope, s.subject
)

UPDATE konstruct.usage_totals AS t
SET reserved_micro_usd = greatest(0, t.reserved_micro_usd - f.micro_usd)
FROM freed AS f
WHERE
    t.tenant_id = $1 AND t.month = f.month AND t.scope = f.scope AND t.subject = f.subject
