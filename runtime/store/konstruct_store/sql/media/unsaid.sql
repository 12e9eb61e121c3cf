-- Uploads that nobody sent, or that never became whole.
-- $1 tenant, $2 hours, $3 limit
SELECT media_id
FROM konstruct.media
WHERE
    tenant_id = $1
    AND conversation_id IS NULL
    AND created_at <= now() - $2 * interval '1 hour'
ORDER BY created_at
LIMIT $3
