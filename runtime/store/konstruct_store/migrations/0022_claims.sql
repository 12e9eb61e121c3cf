-- Claims read no more of a tenant than the turn is about, whatever the planner knows of the tables: plans made
-- while they were empty went through all of its items and turns until the tables were analysed. And a
-- claim says whether anything else is due, which saves the next one its look. And a claim waits for no flush of
-- its own: a crash that takes it leaves the messages due and its holder with a turn that does not exist, and
-- whatever a holder does first (a step, a reservation, a draft, the answer) commits after it and flushes both.
-- oldest-program: 15

DROP FUNCTION konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
);

-- A turn that is claimed again, or one of an agent's revision that no turn had yet, is unusual: only
-- its conversation comes back, and nothing has changed. `more`: something else is due.
-- $1 tenant, $2 claim, $3 agents that may begin turns, $4 turn, $5 pod, $6 boot, $7 token hash,
-- $8 lease seconds, $9 the agents' revisions, $10 their window turns, $11 their languages,
-- $12 tenant's excerpt
CREATE FUNCTION konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
) RETURNS TABLE (
    turn_id uuid, conversation_id uuid, attempt integer, opened_at timestamptz, tenant jsonb,
    language text, agent jsonb, messages jsonb, recent jsonb, steps jsonb, more boolean
)
LANGUAGE plpgsql SECURITY INVOKER
AS $$
#variable_conflict use_column
DECLARE
    chosen record;
    opened record;
    frozen record;
    place integer;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR chosen IN
    WITH repeated AS (
        SELECT d.conversation_id, d.turn_id, d.agent_id
        FROM konstruct.turns AS t
        INNER JOIN konstruct.dispatch AS d
            ON d.tenant_id = t.tenant_id AND d.conversation_id = t.conversation_id
        WHERE
            t.tenant_id = $1 AND t.claim_id = $2 AND t.state = 'Claimed' AND d.turn_id = t.turn_id
        FOR UPDATE OF d
    ),

    due AS (
        SELECT d.conversation_id, d.turn_id, d.agent_id
        FROM konstruct.dispatch AS d
        WHERE
            d.tenant_id = $1
            AND d.due_at <= now()
            AND (d.turn_id IS NOT NULL OR d.agent_id = any($3::uuid []))
            AND NOT EXISTS (SELECT FROM repeated)
        ORDER BY d.due_at
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )

    SELECT conversation_id, turn_id, agent_id, true AS repeated FROM repeated
    UNION ALL
    SELECT conversation_id, turn_id, agent_id, false AS repeated FROM due
    LOOP
        -- Whoever claims holds one row at most.
        place := array_position($3, chosen.agent_id);
        conversation_id := chosen.conversation_id;
    END LOOP;
    IF conversation_id IS NULL THEN
        RETURN;
    END IF;
    IF NOT chosen.repeated AND chosen.turn_id IS NULL AND EXISTS (
        SELECT FROM konstruct.agent_revisions AS a
        WHERE a.tenant_id = $1 AND a.agent_id = chosen.agent_id AND a.revision = $9[place]
    ) THEN
        FOR opened IN
    WITH pending AS MATERIALIZED (
        SELECT seq, kind, media_until
        FROM konstruct.inbox
        WHERE tenant_id = $1 AND conversation_id = chosen.conversation_id AND disposition IS NULL AND turn_id IS NULL
    ),

    bound AS (
        SELECT min(seq) FILTER (WHERE kind = 'System') AS system, min(seq) AS first, max(seq) AS last
        FROM pending
    ),

    taken AS (
        UPDATE konstruct.inbox
        SET turn_id = $4
        WHERE
            tenant_id = $1
            AND conversation_id = chosen.conversation_id
            AND disposition IS NULL
            AND turn_id IS NULL
            AND NOT EXISTS (SELECT FROM pending AS w WHERE w.media_until > now())
            AND seq <= (
                SELECT
                    CASE
                        WHEN b.system IS NULL THEN b.last
                        WHEN b.system = b.first THEN b.first
                        ELSE b.system - 1
                    END
                FROM bound AS b
            )
        RETURNING seq, person_id, replays_turn_id, received_at
    ),

    turn AS (
        INSERT INTO konstruct.turns (
            tenant_id, turn_id, conversation_id, agent_id, agent_revision, tenant, language,
            person_id, replays_turn_id, state, attempt, claim_id, token_hashes, pod, boot_id,
            first_seq, last_seq, window_from, window_to, opened_at, claimed_at
        )
        SELECT
            $1, $4, chosen.conversation_id, chosen.agent_id, $9[place], $12, coalesce(nullif(c.language, ''), $11[place]),
            coalesce((array_agg(t.person_id ORDER BY t.seq))[1], c.person_id),
            (array_agg(t.replays_turn_id ORDER BY t.seq))[1],
            'Claimed', 1, $2, ARRAY[$7::bytea], $5, $6,
            min(t.seq), max(t.seq),
            CASE WHEN $10[place]::integer > 0 THEN greatest(
                c.fresh_after + 1,
                (
                    SELECT o.first_seq
                    FROM konstruct.turns AS o
                    WHERE o.tenant_id = $1 AND o.conversation_id = chosen.conversation_id AND o.first_seq > 0
                    ORDER BY o.first_seq DESC
                    OFFSET greatest($10[place]::integer - 1, 0) LIMIT 1
                )
            ) END,
            c.last_seq, min(t.received_at), now()
        FROM taken AS t
        INNER JOIN konstruct.conversations AS c ON c.tenant_id = $1 AND c.conversation_id = chosen.conversation_id
        GROUP BY c.tenant_id, c.conversation_id
        RETURNING turn_id
    )

    UPDATE konstruct.dispatch AS d
    SET
        turn_id = turn.turn_id,
        due_at = now() + $8 * interval '1 second',
        lease_until = now() + $8 * interval '1 second',
        active_at = now()
    FROM turn
    WHERE d.tenant_id = $1 AND d.conversation_id = chosen.conversation_id
    RETURNING d.turn_id
        LOOP
            more := EXISTS (
                SELECT FROM konstruct.dispatch AS d
                WHERE
                    d.tenant_id = $1
                    AND d.due_at <= now()
                    AND (d.turn_id IS NOT NULL OR d.agent_id = any($3::uuid []))
            );
            FOR frozen IN
    WITH turn AS (
        SELECT * FROM konstruct.turns WHERE tenant_id = $1 AND turn_id = $4
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
            LOOP
                turn_id := frozen.turn_id;
                attempt := frozen.attempt;
                opened_at := frozen.opened_at;
                tenant := frozen.tenant;
                language := frozen.language;
                agent := frozen.agent;
                messages := frozen.messages;
                recent := frozen.recent;
                steps := frozen.steps;
            END LOOP;
        END LOOP;
    END IF;
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION
konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
)
TO konstruct_gateway;
