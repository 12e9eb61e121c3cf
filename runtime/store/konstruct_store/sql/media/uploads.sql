-- A person's uploads, by id; what is not whole, or is another's, does not come back.
-- $1 tenant, $2 connection, $3 person key, $4 media
SELECT media_id, name, media_type, size
FROM konstruct.media
WHERE
    tenant_id = $1
    AND media_id = any($4::uuid [])
    AND connection_id = $2
    AND person_key = $3
    AND source = 'Upload'
    AND state = 'Stored'
