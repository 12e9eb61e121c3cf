-- Dead turns that nobody has dealt with, with what they were to answer; the latest first.
-- $1 tenant, $2 died before (null: from now), $3 limit
-- CASE and not COALESCE: under row-level security only the former reaches the index.
SELECT
    l.turn_id, l.conversation_id, l.agent_id, l.reason, l.attempts, l.died_at, c.connection_id,
    c.person_name, c.mode,
    coalesce((
        SELECT s.payload ->> 'text'
        FROM konstruct.turns AS t
        INNER JOIN konstruct.log AS s
            ON
                s.tenant_id = t.tenant_id
                AND s.conversation_id = t.conversation_id
                AND s.seq BETWEEN t.first_seq AND t.last_seq
                AND s.kind = 'Said'
        WHERE t.tenant_id = $1 AND t.turn_id = l.turn_id
        ORDER BY s.seq DESC
        LIMIT 1
    ), '') AS asked
FROM konstruct.dead_letters AS l
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = l.tenant_id AND c.conversation_id = l.conversation_id
WHERE
    l.tenant_id = $1
    AND l.replayed_at IS NULL
    AND l.closed_at IS NULL
    AND l.died_at < CASE WHEN $2::timestamptz IS NULL THEN 'infinity' ELSE $2 END
ORDER BY l.died_at DESC
LIMIT $3
