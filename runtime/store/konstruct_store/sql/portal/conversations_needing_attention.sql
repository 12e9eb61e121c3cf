-- A tenant's conversations that a human has, or where something was not answered or not delivered.
-- $1 tenant, $2 active before (null: from now), $3 limit
WITH wanting AS (
    SELECT conversation_id FROM konstruct.deliveries
    WHERE tenant_id = $1 AND state IN ('Refused', 'Unknown') AND closed_at IS NULL
    UNION
    SELECT conversation_id FROM konstruct.deliveries
    WHERE tenant_id = $1 AND state = 'Held'
    UNION
    SELECT conversation_id FROM konstruct.dead_letters
    WHERE tenant_id = $1 AND replayed_at IS NULL AND closed_at IS NULL
    UNION
    SELECT conversation_id FROM konstruct.conversations
    WHERE tenant_id = $1 AND mode = 'Human'
)

SELECT
    c.conversation_id, c.connection_id, c.agent_id, c.agent_name, c.person_name, c.mode,
    c.active_at, c.last_seq,
    coalesce((
        SELECT l.payload ->> 'text'
        FROM konstruct.log AS l
        WHERE
            l.tenant_id = $1
            AND l.conversation_id = c.conversation_id
            AND l.kind IN ('Said', 'Reply')
        ORDER BY l.seq DESC
        LIMIT 1
    ), '') AS last_text
FROM wanting AS w
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = $1 AND c.conversation_id = w.conversation_id
WHERE c.active_at < CASE WHEN $2::timestamptz IS NULL THEN 'infinity' ELSE $2 END
ORDER BY c.active_at DESC
LIMIT $3
