-- Files whose time is over.
-- $1 tenant, $2 days, $3 limit
SELECT media_id
FROM konstruct.media
WHERE
    tenant_id = $1
    AND conversation_id IS NOT NULL
    AND created_at <= now() - $2 * interval '1 day'
ORDER BY created_at
LIMIT $3
