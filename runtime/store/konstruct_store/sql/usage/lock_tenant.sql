-- Lock the tenant's total of the month: reservations of one tenant come one after the other.
-- $1 tenant, $2 time zone
INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject)
VALUES ($1, date_trunc('month', now() AT TIME ZONE $2)::date, 'Tenant', '')
ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET spent_micro_usd = t.spent_micro_usd
RETURNING month
