-- What the tenant spent and reserved in a month; what has expired counts no more.
-- $1 tenant, $2 month
SELECT
    coalesce(sum(t.spent_micro_usd), 0)::bigint AS spent,
    greatest(0, coalesce(sum(t.reserved_micro_usd), 0) - coalesce((
        SELECT sum(r.micro_usd)
        FROM konstruct.usage_reservations AS r
        WHERE r.tenant_id = $1 AND r.month = $2 AND r.expires_at <= now()
    ), 0))::bigint AS reserved
FROM konstruct.usage_totals AS t
WHERE t.tenant_id = $1 AND t.month = $2 AND t.scope = 'Tenant' AND t.subject = ''
