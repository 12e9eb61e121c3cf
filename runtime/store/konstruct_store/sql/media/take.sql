-- Take files for a new attempt; those that need none come back without an attempt's row.
-- $1 tenant, $2 media
UPDATE konstruct.media AS m
SET attempt = m.attempt + 1
WHERE m.tenant_id = $1 AND m.media_id = any($2::uuid []) AND m.state = 'Waiting'
RETURNING
    m.media_id, m.connection_id, m.vendor_key, m.name, m.media_type, m.size, m.attempt
