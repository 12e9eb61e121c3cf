-- A turn as a claim hands it out: the same at every claim but for steps, attempt and lease.
-- A turn's messages are what was said between its first and last seq, but for commands. The window is in the order
-- of turns, so that each answer follows what it answers. Places are given as values and not by joins, so that no plan
-- reads more of the tenant than them.
-- $1 tenant, $2 turn
WITH turn AS (
    SELECT * FROM konstruct.turns WHERE tenant_id = $1 AND turn_id = $2
),

source AS (
    SELECT s.turn_id, s.conversation_id, s.first_seq, s.last_seq
    FROM konstruct.turns AS s
    WHERE
        s.tenant_id = $1
        AND s.turn_id = (SELECT coalesce(t.replays_turn_id, t.turn_id) FROM turn AS t)
),

message AS (
    SELECT l.seq, l.kind, l.payload, l.at
    FROM konstruct.log AS l
    WHERE
        l.tenant_id = $1
        AND l.conversation_id = (SELECT s.conversation_id FROM source AS s)
        AND l.seq >= (SELECT s.first_seq FROM source AS s)
        AND l.seq <= (SELECT s.last_seq FROM source AS s)
        AND (
            (l.kind = 'Said' AND NOT l.payload ? 'command')
            OR (l.kind = 'Marker' AND (SELECT s.first_seq = s.last_seq FROM source AS s))
        )
),

neighbour AS MATERIALIZED (
    SELECT o.turn_id, o.first_seq, o.last_seq
    FROM konstruct.turns AS o
    WHERE
        o.tenant_id = $1
        AND o.conversation_id = (SELECT t.conversation_id FROM turn AS t)
        AND o.first_seq > 0
        AND o.first_seq >= (SELECT t.window_from FROM turn AS t)
        AND o.first_seq <= (SELECT t.window_to FROM turn AS t)
),

recent AS MATERIALIZED (
    SELECT l.seq, l.kind, l.payload, l.at, l.turn_id
    FROM konstruct.log AS l
    WHERE
        l.tenant_id = $1
        AND l.conversation_id = (SELECT t.conversation_id FROM turn AS t)
        AND l.seq >= (SELECT t.window_from FROM turn AS t)
        AND l.seq <= (SELECT t.window_to FROM turn AS t)
        AND l.kind IN ('Said', 'Reply', 'Ask', 'Marker')
        AND NOT l.payload ? 'command'
        AND (
            l.kind NOT IN ('Said', 'Marker')
            OR l.seq < (SELECT s.first_seq FROM source AS s)
            OR l.seq > (SELECT s.last_seq FROM source AS s)
        )
    ORDER BY l.seq DESC
    LIMIT 200
),

line AS (
    SELECT r.seq, r.kind, r.payload, r.at, coalesce(o.first_seq, r.seq) AS turn_seq
    FROM recent AS r
    LEFT JOIN neighbour AS o
        ON
            r.turn_id = o.turn_id
            OR (r.kind = 'Said' AND r.seq BETWEEN o.first_seq AND o.last_seq)
    -- A late answer to what lies before the window is no part of it.
    WHERE
        r.turn_id IS NULL
        OR o.turn_id IS NOT NULL
        OR (
            SELECT e.first_seq > 0 AND e.first_seq < t.window_from
            FROM konstruct.turns AS e
            CROSS JOIN turn AS t
            WHERE e.tenant_id = $1 AND e.turn_id = r.turn_id
        ) IS NOT TRUE
)

SELECT
    t.turn_id,
    t.conversation_id,
    t.attempt,
    t.opened_at,
    t.tenant,
    t.language,
    a.snapshot AS agent,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'speaker', CASE WHEN m.kind = 'Marker' THEN 'System' ELSE 'Person' END,
            'name', coalesce(m.payload ->> 'name', ''),
            'text', coalesce(m.payload ->> 'text', ''),
            'at', m.at,
            'attachments', coalesce(m.payload -> 'attachments', '[]')
        ) ORDER BY m.seq), '[]')
        FROM message AS m
    ) AS messages,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'speaker', CASE w.kind
                WHEN 'Said' THEN 'Person'
                WHEN 'Marker' THEN 'System'
                ELSE CASE WHEN w.payload ? 'human' THEN 'Human' ELSE 'Agent' END
            END,
            'name', coalesce(w.payload ->> 'name', w.payload ->> 'agent', ''),
            'text', CASE w.payload ->> 'code'
                WHEN 'ModeHuman' THEN 'A human takes the conversation over.'
                WHEN 'ModeAgent' THEN
                    'The conversation is the agent''s again. What was said to the human before'
                    || ' needs no answer.'
                ELSE coalesce(w.payload ->> 'text', '')
            END,
            'at', w.at,
            'attachments', coalesce(w.payload -> 'attachments', '[]')
        ) ORDER BY w.turn_seq, w.seq), '[]')
        FROM line AS w
    ) AS recent,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'number', s.number,
            'kind', s.kind,
            'state', s.state,
            'name', s.name,
            'request', s.request,
            'result', s.result
        ) ORDER BY s.number), '[]')
        FROM konstruct.steps AS s
        WHERE s.tenant_id = $1 AND s.turn_id = t.turn_id
    ) AS steps
FROM turn AS t
INNER JOIN konstruct.agent_revisions AS a
    ON a.tenant_id = $1 AND a.agent_id = t.agent_id AND a.revision = t.agent_revision
