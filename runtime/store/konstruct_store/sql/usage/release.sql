-- End a reservation without booking anything.
-- $1 tenant, $2 reservation
WITH gone AS (
    DELETE FROM konstruct.usage_reservations
    WHERE tenant_id = $1 AND reservation_id = $2
    RETURNING month, agent_id, person_id, micro_usd
)

UPDATE konstruct.usage_totals AS t
SET reserved_micro_usd = greatest(0, t.reserved_micro_usd - g.micro_usd)
FROM gone AS g
CROSS JOIN LATERAL (
    VALUES ('Tenant', ''), ('Agent', g.agent_id::text), ('Person', g.person_id::text)
) AS s (scope, subject)
WHERE
    t.tenant_id = $1 AND t.month = g.month AND t.scope = s.scope AND t.subject = s.subject
