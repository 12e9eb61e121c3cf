-- A tenant's conversations that a human has, the latest first.
-- $1 tenant, $2 active before (null: from now), $3 limit
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
FROM konstruct.conversations AS c
WHERE
    c.tenant_id = $1
    AND c.mode = 'Human'
    AND c.active_at < CASE WHEN $2::timestamptz IS NULL THEN 'infinity' ELSE $2 END
ORDER BY c.active_at DESC
LIMIT $3
