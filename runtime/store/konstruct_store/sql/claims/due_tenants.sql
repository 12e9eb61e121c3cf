-- Which of these tenants have something to claim now: the one poll for all waiting agents.
-- $1 tenants
SELECT w.tenant_id
FROM unnest($1::uuid []) AS w (tenant_id)
WHERE EXISTS (
    SELECT FROM konstruct.dispatch AS d WHERE d.tenant_id = w.tenant_id AND d.due_at <= now()
)
