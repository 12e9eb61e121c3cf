-- Let an item's turn be due, if none of its files is waited for any more.
-- The conversation and its dispatch row are locked.
-- $1 tenant, $2 conversation, $3 item
WITH item AS (
    UPDATE konstruct.inbox AS i
    SET media_until = NULL
    WHERE
        i.tenant_id = $1
        AND i.item_id = $3
        AND i.media_until IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM konstruct.media AS m
            WHERE m.tenant_id = $1 AND m.item_id = $3 AND m.state = 'Waiting'
        )
    RETURNING i.item_id
),

pending AS (
    SELECT
        max(greatest(
            i.gather_until,
            CASE WHEN i.item_id <> (SELECT o.item_id FROM item AS o) THEN i.media_until END
        )) AS due_at
    FROM konstruct.inbox AS i
    WHERE
        i.tenant_id = $1
        AND i.conversation_id = $2
        AND i.disposition IS NULL
        AND i.turn_id IS NULL
)

UPDATE konstruct.dispatch AS d
SET due_at = greatest(now(), p.due_at)
FROM pending AS p
WHERE
    d.tenant_id = $1
    AND d.conversation_id = $2
    AND d.turn_id IS NULL
    AND d.due_at IS NOT NULL
    AND EXISTS (SELECT FROM item)
RETURNING d.due_at <= now() AS due
