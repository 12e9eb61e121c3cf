-- In how many seconds the next claim of any of these tenants becomes due; below 0: it is.
-- $1 tenants
SELECT extract(epoch FROM min(n.due_at) - now())::double precision AS seconds
FROM unnest($1::uuid []) AS w (tenant_id)
CROSS JOIN LATERAL (
    SELECT d.due_at
    FROM konstruct.dispatch AS d
    WHERE d.tenant_id = w.tenant_id AND d.due_at IS NOT NULL
    ORDER BY d.due_at
    LIMIT 1
) AS n
