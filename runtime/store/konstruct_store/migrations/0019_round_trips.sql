-- The transactions that every turn takes besides those of 0012 and 0014, in one round trip each,
-- where nothing is unusual: claiming a new turn, and asking what a turn is about. The statements are
-- those of `sql/claims` and `sql/journal`, word for word (a test compares them).
-- oldest-program: 15

-- $1 tenant, $2 turn, $3 attempt, $4 token hash
CREATE FUNCTION konstruct.turn_at_once(uuid, uuid, integer, bytea) RETURNS TABLE (
    agent_id uuid, person_id uuid, conversation_id uuid, agent_revision text, stop_requested boolean,
    connection_id uuid, conversation_key text, mode text, person_key text
)
LANGUAGE plpgsql SECURITY INVOKER
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    RETURN QUERY
    SELECT
        t.agent_id, t.person_id, t.conversation_id, t.agent_revision, t.stop_requested,
        c.connection_id, c.conversation_key, c.mode, c.person_key
    FROM konstruct.turns AS t
    INNER JOIN konstruct.conversations AS c
        ON c.tenant_id = t.tenant_id AND c.conversation_id = t.conversation_id
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $2
        AND t.state IN ('Queued', 'Claimed')
        AND t.attempt = $3
        AND $4 = any(t.token_hashes);
END
$$;

-- A turn that is claimed again, or one of an agent's revision that no turn had yet, is unusual: only
-- its conversation comes back, and nothing has changed.
-- $1 tenant, $2 claim, $3 agents that may begin turns, $4 turn, $5 pod, $6 boot, $7 token hash,
-- $8 lease seconds, $9 the agents' revisions, $10 their window turns, $11 their languages,
-- $12 tenant's excerpt
CREATE FUNCTION konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
) RETURNS TABLE (
    turn_id uuid, conversation_id uuid, attempt integer, opened_at timestamptz, tenant jsonb,
    language text, agent jsonb, messages jsonb, recent jsonb, steps jsonb
)
LANGUAGE plpgsql SECURITY INVOKER
AS $$
#variable_conflict use_column
DECLARE
    chosen record;
    opened record;
    place integer;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
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
    WITH pending AS (
        SELECT item_id, seq, kind, media_until
        FROM konstruct.inbox
        WHERE tenant_id = $1 AND conversation_id = chosen.conversation_id AND disposition IS NULL AND turn_id IS NULL
    ),

    bound AS (
        SELECT min(seq) FILTER (WHERE kind = 'System') AS system, min(seq) AS first FROM pending
    ),

    taken AS (
        UPDATE konstruct.inbox AS i
        SET turn_id = $4
        FROM pending AS p, bound AS b
        WHERE
            i.tenant_id = $1
            AND i.item_id = p.item_id
            AND NOT EXISTS (SELECT FROM pending AS w WHERE w.media_until > now())
            AND (
                b.system IS NULL OR p.seq < b.system OR (b.first = b.system AND p.seq = b.system)
            )
        RETURNING i.seq, i.person_id, i.replays_turn_id, i.received_at
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
            RETURN QUERY
    WITH turn AS (
        SELECT * FROM konstruct.turns WHERE tenant_id = $1 AND turn_id = $4
    ),

    source AS (
        SELECT s.turn_id, s.conversation_id, s.first_seq, s.last_seq
        FROM turn AS t
        INNER JOIN konstruct.turns AS s
            ON s.tenant_id = $1 AND s.turn_id = coalesce(t.replays_turn_id, t.turn_id)
    ),

    message AS (
        SELECT l.seq, l.kind, l.payload, l.at
        FROM source AS s
        INNER JOIN konstruct.log AS l
            ON
                l.tenant_id = $1
                AND l.conversation_id = s.conversation_id
                AND l.seq BETWEEN s.first_seq AND s.last_seq
        WHERE
            (l.kind = 'Said' AND NOT l.payload ? 'command')
            OR (l.kind = 'Marker' AND s.first_seq = s.last_seq)
    ),

    neighbour AS MATERIALIZED (
        SELECT o.turn_id, o.first_seq, o.last_seq
        FROM turn AS t
        INNER JOIN konstruct.turns AS o
            ON
                o.tenant_id = $1
                AND o.conversation_id = t.conversation_id
                AND o.first_seq > 0
                AND o.first_seq BETWEEN t.window_from AND t.window_to
    ),

    recent AS MATERIALIZED (
        SELECT l.seq, l.kind, l.payload, l.at, l.turn_id
        FROM turn AS t
        INNER JOIN konstruct.log AS l
            ON
                l.tenant_id = $1
                AND l.conversation_id = t.conversation_id
                AND l.seq BETWEEN t.window_from AND t.window_to
        WHERE
            l.kind IN ('Said', 'Reply', 'Ask', 'Marker')
            AND NOT l.payload ? 'command'
            AND NOT EXISTS (
                SELECT FROM source AS s
                WHERE l.seq BETWEEN s.first_seq AND s.last_seq AND l.kind IN ('Said', 'Marker')
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
            OR NOT EXISTS (
                SELECT
                FROM konstruct.turns AS e
                CROSS JOIN turn AS t
                WHERE
                    e.tenant_id = $1
                    AND e.turn_id = r.turn_id
                    AND e.first_seq > 0
                    AND e.first_seq < t.window_from
            )
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
        ON a.tenant_id = $1 AND a.agent_id = t.agent_id AND a.revision = t.agent_revision;
            RETURN;
        END LOOP;
    END IF;
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION
konstruct.turn_at_once(uuid, uuid, integer, bytea),
konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION konstruct.turn_at_once(uuid, uuid, integer, bytea)
TO konstruct_gateway, konstruct_llm;
GRANT EXECUTE ON FUNCTION
konstruct.claim_at_once(
    uuid, uuid, uuid [], uuid, text, uuid, bytea, double precision, text [], integer [], text [],
    jsonb
)
TO konstruct_gateway;
