-- Nothing here can be claimed: an exhausted turn goes to the sweeper, an empty row goes idle.
-- What waits for its files is due when they are given up; the last of them to come says so earlier.
-- $1 tenant, $2 conversation
WITH waited AS (
    SELECT max(i.media_until) AS until
    FROM konstruct.inbox AS i
    WHERE
        i.tenant_id = $1
        AND i.conversation_id = $2
        AND i.disposition IS NULL
        AND i.turn_id IS NULL
        AND i.media_until > now()
)

UPDATE konstruct.dispatch AS d
SET
    due_at = CASE WHEN d.turn_id IS NULL THEN w.until END,
    lease_until = NULL,
    opened_at = CASE
        WHEN d.turn_id IS NOT NULL THEN '-infinity'::timestamptz
        WHEN w.until IS NOT NULL THEN d.opened_at
    END
FROM waited AS w
WHERE d.tenant_id = $1 AND d.conversation_id = $2
