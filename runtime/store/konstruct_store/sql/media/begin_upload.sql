-- Begin an upload: the row is there before the object, so that no object is ever without a row.
-- $1 tenant, $2 media, $3 connection, $4 person key, $5 name
INSERT INTO konstruct.media (
    tenant_id, media_id, connection_id, person_key, source, name, media_type, state
)
VALUES ($1, $2, $3, $4, 'Upload', $5, 'application/octet-stream', 'Waiting')
