-- Which tenants are wanted awake: something is open, or was active within their idle time.
-- $1 tenants, $2 idle seconds of each
SELECT w.tenant_id
FROM unnest($1::uuid [], $2::integer []) AS w (tenant_id, idle_seconds)
WHERE
    EXISTS (
        SELECT FROM konstruct.dispatch AS d
        WHERE d.tenant_id = w.tenant_id AND d.due_at IS NOT NULL
    )
    OR EXISTS (
        SELECT FROM konstruct.dispatch AS d
        WHERE
            d.tenant_id = w.tenant_id
            AND d.active_at > '-infinity'
            AND d.active_at > now() - w.idle_seconds * interval '1 second'
    )
