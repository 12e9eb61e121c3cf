-- Expect a vendor's files: they are to be fetched, and their item's turn waits for them.
-- $1 tenant, $2 connection, $3 person key, $4 conversation, $5 item,
-- $6 files [{media_id, vendor_key, name, media_type, size}], $7 seconds until they are given up,
-- $8 gather milliseconds
WITH file AS (
    INSERT INTO konstruct.media (
        tenant_id, media_id, connection_id, person_key, source, vendor_key, conversation_id,
        item_id, name, media_type, size, state
    )
    SELECT
        $1, f.media_id, $2, $3, 'Vendor', f.vendor_key, $4, $5, f.name, f.media_type, f.size,
        'Waiting'
    FROM jsonb_to_recordset($6::jsonb) AS f (
        media_id uuid, vendor_key text, name text, media_type text, size bigint
    )
    RETURNING media_id
),

due AS (
    INSERT INTO konstruct.media_dispatch (tenant_id, media_id, due_at, until)
    SELECT $1, media_id, now(), now() + $7 * interval '1 second'
    FROM file
)

UPDATE konstruct.inbox
SET
    media_until = now() + $7 * interval '1 second',
    gather_until = now() + $8 * interval '1 millisecond'
WHERE tenant_id = $1 AND item_id = $5 AND disposition IS NULL
