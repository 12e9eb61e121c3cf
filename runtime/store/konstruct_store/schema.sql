-- Generated from the catalogue by konstruct_store.schema.describe; not to be run.

CREATE OR REPLACE FUNCTION konstruct.answer_at_once(uuid, uuid, integer, bytea, uuid, jsonb, jsonb, bytea, bytea, jsonb)
 RETURNS TABLE(seq bigint, kind text, payload jsonb, at timestamp with time zone, turn_id uuid, more boolean)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    locked record;
    entry record;
    said jsonb;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    FOR locked IN
    WITH conversation AS MATERIALIZED (
        SELECT c.conversation_id, c.connection_id, c.mode, c.language, c.agent_name
        FROM konstruct.conversations AS c
        WHERE
            c.tenant_id = $1
            AND c.conversation_id = (
                SELECT t.conversation_id
                FROM konstruct.turns AS t
                WHERE t.tenant_id = $1 AND t.turn_id = $2
            )
        FOR UPDATE
    ),

    hot AS MATERIALIZED (
        SELECT d.conversation_id
        FROM conversation AS c
        INNER JOIN konstruct.dispatch AS d
            ON d.tenant_id = $1 AND d.conversation_id = c.conversation_id
        FOR UPDATE OF d
    ),

    turn AS MATERIALIZED (
        SELECT t.*
        FROM (SELECT count(*) AS held FROM hot) AS h
        INNER JOIN konstruct.turns AS t ON t.tenant_id = $1 AND t.turn_id = $2 AND h.held >= 0
        FOR UPDATE OF t
    )

    SELECT
        c.conversation_id, c.connection_id, c.mode, c.language AS person_language, c.agent_name,
        t.agent_id, t.state, t.attempt, t.strikes, t.token_hashes, t.stop_requested, t.language,
        t.settled_by, t.disposition, t.reply_id, t.reply_seq
    FROM conversation AS c
    CROSS JOIN turn AS t
    LOOP
        said := $6 || jsonb_build_object('agent', locked.agent_name);
    END LOOP;
    IF
        said IS NULL
        OR locked.mode <> 'Agent'
        OR locked.state NOT IN ('Queued', 'Claimed')
        OR locked.attempt <> $3
        OR $4 <> ALL (locked.token_hashes)
        OR (
            $7 = '[]'
            AND EXISTS (
                SELECT FROM konstruct.deliveries AS d
                WHERE d.tenant_id = $1 AND d.turn_id = $2 AND d.state = 'Drafting'
            )
        )
    THEN
        RETURN;
    END IF;
    FOR entry IN
    WITH conversation AS (
        UPDATE konstruct.conversations
        SET
            last_seq = last_seq + CASE WHEN 'Reply'::text::text IS NULL THEN 0 ELSE 1 END,
            active_at = now(),
            active_hour = date_trunc('hour', now(), 'UTC')
        WHERE tenant_id = $1 AND conversation_id = locked.conversation_id
        RETURNING last_seq, connection_id
    ),

    entry AS (
        INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload, turn_id)
        SELECT $1, locked.conversation_id, last_seq, 'Reply'::text, said, $2
        FROM conversation
        WHERE 'Reply'::text::text IS NOT NULL
        RETURNING seq, kind, payload, at, turn_id
    ),

    turn AS (
        UPDATE konstruct.turns AS t
        SET
            state = 'Answered'::text,
            disposition = 'Answered'::text,
            reason = ''::text,
            reply_id = $5,
            reply_seq = (SELECT e.seq FROM entry AS e),
            settled_by = 'agent'::text,
            settled_at = now()
        WHERE t.tenant_id = $1 AND t.turn_id = $2
        RETURNING t.first_seq, t.last_seq
    ),

    items AS (
        UPDATE konstruct.inbox AS i
        SET disposition = 'Answered'::text, reason = ''::text, settled_at = now()
        FROM turn AS t
        WHERE
            i.tenant_id = $1
            AND i.conversation_id = locked.conversation_id
            AND i.seq BETWEEN t.first_seq AND t.last_seq
            AND i.turn_id = $2
            AND i.disposition IS NULL
    ),

    rest AS (
        SELECT
            min(i.received_at) AS oldest,
            (
                SELECT c.suspended
                FROM konstruct.registry_claims AS c
                WHERE c.tenant_id = $1
            ) IS TRUE AS suspended
        FROM konstruct.inbox AS i
        WHERE
            i.tenant_id = $1
            AND i.conversation_id = locked.conversation_id
            AND i.disposition IS NULL
            AND i.turn_id IS NULL
    ),

    hot AS (
        UPDATE konstruct.dispatch AS d
        SET
            turn_id = NULL,
            lease_until = NULL,
            opened_at = rest.oldest,
            due_at = CASE WHEN rest.oldest IS NOT NULL AND NOT rest.suspended THEN now() END,
            active_at = now()
        FROM rest
        WHERE d.tenant_id = $1 AND d.conversation_id = locked.conversation_id
    ),

    parts AS (
        SELECT
            p.id, p.part, p.text, p.file,
            'Queued'::text = 'Queued' AND row_number() OVER (ORDER BY p.part) = 1 AS leads
        FROM jsonb_to_recordset($7::jsonb) AS p (id uuid, part integer, text text, file uuid)
    ),

    draft AS (
        UPDATE konstruct.deliveries AS d
        SET
            seq = c.last_seq,
            text = coalesce(p.text, ''::text),
            state = CASE
                WHEN p.leads OR (d.drafted AND ''::text <> '') THEN 'Queued' ELSE 'Withheld'
            END,
            settled_at = CASE WHEN p.leads OR (d.drafted AND ''::text <> '') THEN NULL ELSE now() END
        FROM conversation AS c
        LEFT JOIN parts AS p ON p.leads
        WHERE d.tenant_id = $1 AND d.turn_id = $2 AND d.part = 0 AND d.state = 'Drafting'
        RETURNING d.state, d.held_until
    ),

    delivery AS (
        INSERT INTO konstruct.deliveries (
            tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state,
            settled_at, media_id
        )
        SELECT
            $1, p.id, locked.conversation_id, c.connection_id, $2,
            p.part + CASE WHEN 'Queued'::text = 'Withheld' AND EXISTS (SELECT FROM draft) THEN 1 ELSE 0 END,
            c.last_seq, p.text, 'Queued'::text,
            CASE WHEN 'Queued'::text = 'Withheld' THEN now() END,
            p.file
        FROM conversation AS c
        CROSS JOIN parts AS p
        WHERE NOT (p.leads AND EXISTS (SELECT FROM draft))
        RETURNING state, held_until
    ),

    outgoing AS (
        INSERT INTO konstruct.delivery_dispatch AS d (
            tenant_id, conversation_id, connection_id, due_at
        )
        SELECT
            $1, locked.conversation_id, (SELECT c.connection_id FROM conversation AS c),
            greatest(now(), max(o.held_until))
        FROM (
            SELECT state, held_until FROM draft
            UNION ALL
            SELECT state, held_until FROM delivery
        ) AS o
        WHERE o.state = 'Queued'
        HAVING count(*) > 0
        ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = d.due_at
    )

    SELECT e.seq, e.kind, e.payload, e.at, e.turn_id, r.oldest IS NOT NULL AS more
    FROM entry AS e
    CROSS JOIN rest AS r
    LOOP
        seq := entry.seq;
        kind := entry.kind;
        payload := entry.payload;
        at := entry.at;
        turn_id := entry.turn_id;
        more := entry.more;
    END LOOP;
    WITH head AS (
        INSERT INTO konstruct.audit_heads AS h (tenant_id, number, hash)
        VALUES ($1, 1, konstruct.audit_hash(''::bytea, $1, 1, now(), 'agent'::text, 'TurnAnswered'::text, jsonb_build_object('turn', $2, 'conversation', locked.conversation_id), $8))
        ON CONFLICT (tenant_id) DO UPDATE SET
            number = h.number + 1,
            hash = konstruct.audit_hash(h.hash, $1, h.number + 1, now(), 'agent'::text, 'TurnAnswered'::text, jsonb_build_object('turn', $2, 'conversation', locked.conversation_id), $8)
        RETURNING number, hash
    ),

    line AS (
        INSERT INTO konstruct.audit (
            tenant_id, number, at, actor, action, subjects, digest, hash
        )
        SELECT $1, number, now(), 'agent'::text, 'TurnAnswered'::text, jsonb_build_object('turn', $2, 'conversation', locked.conversation_id), $8, hash
        FROM head
    )

    INSERT INTO konstruct.audit_payload (tenant_id, number, salt, payload)
    SELECT $1, number, $9, $10
    FROM head;
    RETURN NEXT;
END
$function$;
-- executable by: konstruct_gateway

CREATE OR REPLACE FUNCTION konstruct.audit_hash(previous bytea, tenant uuid, number bigint, at timestamp with time zone, actor text, action text, subjects jsonb, digest bytea)
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE
AS $function$
    SELECT sha256(
        previous || convert_to(
            jsonb_build_array(
                tenant, number, extract(epoch FROM at), actor, action, subjects,
                encode(digest, 'hex')
            )::text,
            'UTF8'
        )
    )
$function$;
-- executable by: konstruct_gateway, konstruct_llm, konstruct_portal

CREATE OR REPLACE FUNCTION konstruct.claim_at_once(uuid, uuid, uuid[], uuid, text, uuid, bytea, double precision, text[], integer[], text[], jsonb)
 RETURNS TABLE(turn_id uuid, conversation_id uuid, attempt integer, opened_at timestamp with time zone, tenant jsonb, language text, agent jsonb, messages jsonb, recent jsonb, steps jsonb, more boolean)
 LANGUAGE plpgsql
AS $function$
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
$function$;
-- executable by: konstruct_gateway

CREATE OR REPLACE FUNCTION konstruct.keep_hot(target regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    EXECUTE format(
        'ALTER TABLE %s SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,'
        ' autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0,'
        ' autovacuum_analyze_scale_factor = 0.05)',
        target
    );
END
$function$;
-- executable by: its owner

CREATE OR REPLACE FUNCTION konstruct.protect(target regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    -- A pooled session is left with '' after a transaction that had set the tenant.
    EXECUTE format(
        'CREATE POLICY tenant ON %s'
        ' USING (tenant_id = nullif(current_setting(''konstruct.tenant'', true), '''')::uuid)'
        ' WITH CHECK (tenant_id = nullif(current_setting(''konstruct.tenant'', true), '''')::uuid)',
        target
    );
END
$function$;
-- executable by: its owner

CREATE OR REPLACE FUNCTION konstruct.receive_at_once(uuid, boolean, jsonb)
 RETURNS TABLE(n integer, open boolean, accepted boolean, partly boolean, conversation_id uuid, seq bigint, silenced boolean, refused boolean)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    FOR one IN
    WITH gate AS (
        SELECT
            NOT coalesce(bool_or(c.state IN ('Erasing', 'Erased')), false) AS open,
            coalesce(bool_or(c.suspended), false) AS suspended
        FROM konstruct.registry_claims AS c
        WHERE c.tenant_id = $1
    ),

    item AS MATERIALIZED (
        SELECT i.*
        FROM jsonb_to_recordset($3::jsonb) AS i (
            n integer, item_id uuid, connection_id uuid, keys text [], new_id uuid,
            conversation_key text, agent_id uuid, agent_name text, person_id uuid, person_key text,
            person_name text, language text, kind text, payload jsonb, gather integer,
            suspended boolean, command text
        )
    ),

    fresh AS (
        INSERT INTO konstruct.dedupe_keys (tenant_id, connection_id, key, item_id)
        SELECT $1, i.connection_id, k.key, i.item_id
        FROM gate, item AS i, unnest(i.keys) AS k (key)
        WHERE gate.open
        ORDER BY i.connection_id, k.key, i.n
        ON CONFLICT DO NOTHING
        RETURNING item_id
    ),

    verdict AS (
        SELECT
            i.n,
            gate.open AND count(f.item_id) = cardinality(i.keys) AS accepted,
            count(f.item_id) > 0 AS partly
        FROM gate, item AS i
        LEFT JOIN fresh AS f ON i.item_id = f.item_id
        GROUP BY i.n, i.keys, gate.open
    ),

    -- What is new, numbered within its conversation.
    said AS (
        SELECT
            i.*,
            row_number() OVER (PARTITION BY i.connection_id, i.conversation_key ORDER BY i.n) AS place
        FROM item AS i
        INNER JOIN verdict AS v ON i.n = v.n
        WHERE v.accepted
    ),

    -- A conversation is its first writer's; agent, name and language are the latest known.
    latest AS (
        SELECT
            connection_id,
            conversation_key,
            count(*) AS items,
            (array_agg(new_id ORDER BY n))[1] AS new_id,
            (array_agg(person_id ORDER BY n))[1] AS person_id,
            (array_agg(person_key ORDER BY n))[1] AS person_key,
            (array_agg(agent_id ORDER BY n DESC))[1] AS agent_id,
            (array_agg(agent_name ORDER BY n DESC))[1] AS agent_name,
            coalesce((array_agg(person_name ORDER BY n DESC) FILTER (WHERE person_name <> ''))[1], '')
                AS person_name,
            coalesce((array_agg(language ORDER BY n DESC) FILTER (WHERE language <> ''))[1], '')
                AS language
        FROM said
        GROUP BY connection_id, conversation_key
    ),

    conversation AS (
        INSERT INTO konstruct.conversations AS c (
            tenant_id, conversation_id, connection_id, conversation_key, agent_id, agent_name,
            person_id, person_key, person_name, language, last_seq
        )
        SELECT
            $1, new_id, connection_id, conversation_key, agent_id, agent_name,
            person_id, person_key, person_name, language, items
        FROM latest
        ORDER BY connection_id, conversation_key
        ON CONFLICT (tenant_id, connection_id, conversation_key) DO UPDATE SET
            last_seq = c.last_seq + excluded.last_seq,
            agent_id = excluded.agent_id,
            agent_name = excluded.agent_name,
            person_name = coalesce(nullif(excluded.person_name, ''), c.person_name),
            language = coalesce(nullif(excluded.language, ''), c.language),
            active_at = now(),
            active_hour = date_trunc('hour', now(), 'UTC')
        WHERE NOT $2 OR c.person_key = excluded.person_key
        RETURNING conversation_id, connection_id, conversation_key, person_key, last_seq, mode
    ),

    placed AS (
        SELECT
            s.n, s.item_id, s.person_id, s.kind, s.payload, s.command, s.agent_id, s.gather,
            c.conversation_id,
            c.last_seq - l.items + s.place AS seq,
            c.mode,
            gate.suspended OR s.suspended AS suspended,
            $2 AND c.person_key <> s.person_key AS refused
        FROM gate, said AS s
        INNER JOIN latest AS l
            ON s.connection_id = l.connection_id AND s.conversation_key = l.conversation_key
        INNER JOIN conversation AS c
            ON s.connection_id = c.connection_id AND s.conversation_key = c.conversation_key
    ),

    kept AS (
        INSERT INTO konstruct.inbox (
            tenant_id, item_id, conversation_id, seq, kind, person_id, disposition, reason, settled_at
        )
        SELECT
            $1, item_id, conversation_id, seq, kind, person_id,
            CASE WHEN mode = 'Human' THEN 'Silenced' WHEN command <> '' THEN 'Answered' END,
            CASE WHEN mode = 'Human' THEN 'HumanHasConversation' ELSE command END,
            CASE WHEN mode = 'Human' OR command <> '' THEN now() END
        FROM placed
    ),

    entry AS (
        INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
        SELECT
            $1, conversation_id, seq, 'Said',
            CASE
                WHEN command <> '' AND mode = 'Agent'
                    THEN payload || jsonb_build_object('command', command)
                ELSE payload
            END
        FROM placed
    ),

    hot AS (
        INSERT INTO konstruct.dispatch AS d (
            tenant_id, conversation_id, agent_id, opened_at, due_at
        )
        SELECT
            $1,
            conversation_id,
            (array_agg(agent_id ORDER BY n DESC))[1],
            now(),
            (array_agg(
                CASE WHEN NOT suspended THEN now() + gather * interval '1 millisecond' END ORDER BY n
            ))[1]
        FROM placed
        WHERE mode = 'Agent' AND command = ''
        GROUP BY conversation_id
        ORDER BY conversation_id
        ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
            agent_id = CASE WHEN d.turn_id IS NULL THEN excluded.agent_id ELSE d.agent_id END,
            opened_at = coalesce(d.opened_at, excluded.opened_at),
            due_at = CASE WHEN d.opened_at IS NULL THEN excluded.due_at ELSE d.due_at END,
            -- What is due keeps its tenant awake; where no index changes the row moves within its page.
            active_at = CASE WHEN d.due_at IS NULL THEN now() ELSE d.active_at END
    )

    SELECT
        v.n,
        gate.open,
        v.accepted,
        v.partly,
        p.conversation_id,
        p.seq,
        p.mode = 'Human' AS silenced,
        v.accepted AND (p.conversation_id IS NULL OR p.refused) AS refused
    FROM gate, verdict AS v
    LEFT JOIN placed AS p ON v.n = p.n
    ORDER BY v.n
    LOOP
        IF NOT one.open THEN
            RAISE EXCEPTION USING ERRCODE = 'KN001', MESSAGE = 'the tenant is being erased';
        ELSIF one.refused THEN
            RAISE EXCEPTION USING ERRCODE = 'KN002', MESSAGE = 'the conversation is another''s';
        END IF;
        n := one.n;
        open := one.open;
        accepted := one.accepted;
        partly := one.partly;
        conversation_id := one.conversation_id;
        seq := one.seq;
        silenced := one.silenced;
        refused := one.refused;
        RETURN NEXT;
    END LOOP;
END
$function$;
-- executable by: konstruct_gateway

CREATE OR REPLACE FUNCTION konstruct.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'Audit rows are only ever appended.' USING ERRCODE = 'insufficient_privilege';
END
$function$;
-- executable by: its owner

CREATE OR REPLACE FUNCTION konstruct.reports_of(tenants uuid[])
 RETURNS SETOF konstruct.registry_reports
 LANGUAGE plpgsql
AS $function$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY SELECT r.* FROM konstruct.registry_reports AS r WHERE r.tenant_id = tenant;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$function$;
-- executable by: konstruct_gateway, konstruct_llm, konstruct_portal

CREATE OR REPLACE FUNCTION konstruct.reserve_at_once(uuid, uuid, integer, bytea, integer, text, uuid, bigint, double precision, bigint, bigint, bigint)
 RETURNS TABLE(agent_id uuid, person_id uuid, month date)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    held record;
    spent record;
    the_month date;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    SELECT t.agent_id, t.person_id
    INTO held
    FROM konstruct.turns AS t
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $2
        AND t.state IN ('Queued', 'Claimed')
        AND t.attempt = $3
        AND $4 = any(t.token_hashes)
    FOR UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM konstruct.steps AS s
        WHERE s.tenant_id = $1 AND s.turn_id = $2 AND s.number = $5
    ) THEN
        RETURN;
    END IF;
    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject)
    VALUES ($1, date_trunc('month', now() AT TIME ZONE $6)::date, 'Tenant', '')
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET spent_micro_usd = t.spent_micro_usd
    RETURNING t.month INTO the_month;
    SELECT
        coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Tenant'), 0)::bigint
            AS tenant,
        coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Agent'), 0)::bigint
            AS agent,
        coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Person'), 0)::bigint
            AS person,
        EXISTS (
            SELECT FROM konstruct.usage_reservations AS r
            WHERE r.tenant_id = $1 AND r.expires_at <= now()
        ) AS expired,
        EXISTS (
            SELECT FROM konstruct.usage_reservations AS r
            WHERE r.tenant_id = $1 AND r.turn_id = $2 AND r.step_number = $5
        ) AS repeated
    INTO spent
    FROM konstruct.usage_totals
    WHERE
        tenant_id = $1
        AND month = the_month
        AND (scope, subject) IN (
            ('Tenant', ''), ('Agent', held.agent_id::text), ('Person', held.person_id::text)
        );
    IF
        spent.expired
        OR spent.repeated
        OR coalesce(spent.tenant + $8 > $10, false)
        OR coalesce(spent.agent + $8 > $11, false)
        OR coalesce(spent.person + $8 > $12, false)
    THEN
        RETURN;
    END IF;
    WITH reservation AS (
        INSERT INTO konstruct.usage_reservations (
            tenant_id, reservation_id, turn_id, step_number, month, agent_id, person_id, micro_usd,
            expires_at
        )
        VALUES (
            $1, $7, $2, $5, the_month, held.agent_id, held.person_id, $8,
            now() + $9 * interval '1 second'
        )
    )

    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, reserved_micro_usd)
    VALUES
    ($1, the_month, 'Tenant', '', $8),
    ($1, the_month, 'Agent', held.agent_id::text, $8),
    ($1, the_month, 'Person', held.person_id::text, $8)
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
        reserved_micro_usd = t.reserved_micro_usd + excluded.reserved_micro_usd;
    RETURN QUERY SELECT held.agent_id, held.person_id, the_month;
END
$function$;
-- executable by: konstruct_llm

CREATE OR REPLACE FUNCTION konstruct.sending_of(tenants uuid[])
 RETURNS TABLE(state text, waiting bigint, oldest timestamp with time zone)
 LANGUAGE plpgsql
AS $function$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY
            SELECT d.state, count(*), min(d.queued_at)
            FROM konstruct.deliveries AS d
            WHERE d.tenant_id = tenant AND d.state IN ('Queued', 'Sending')
            GROUP BY d.state
            UNION ALL
            SELECT d.state, count(*), min(d.queued_at)
            FROM konstruct.deliveries AS d
            WHERE d.tenant_id = tenant AND d.state = 'Held'
            GROUP BY d.state
            UNION ALL
            SELECT d.state, count(*), min(d.settled_at)
            FROM konstruct.deliveries AS d
            WHERE
                d.tenant_id = tenant
                AND d.state IN ('Refused', 'Unknown')
                AND d.closed_at IS NULL
            GROUP BY d.state
            UNION ALL
            SELECT 'Dead', count(*), min(l.died_at)
            FROM konstruct.dead_letters AS l
            WHERE l.tenant_id = tenant AND l.replayed_at IS NULL AND l.closed_at IS NULL
            HAVING count(*) > 0;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$function$;
-- executable by: konstruct_gateway

CREATE OR REPLACE FUNCTION konstruct.settle_at_once(uuid, uuid, integer, bytea, integer, text, text, text, jsonb, jsonb, text, uuid, uuid, uuid, bigint, bigint, bigint, date)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    one record;
    verdict text;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    FOR one IN
        WITH turn AS MATERIALIZED (
            SELECT t.turn_id, t.conversation_id, t.stop_requested
            FROM konstruct.turns AS t
            WHERE
                t.tenant_id = $1
                AND t.turn_id = $2
                AND t.state IN ('Queued', 'Claimed')
                AND t.attempt = $3
                AND $4 = any(t.token_hashes)
            FOR UPDATE
        ),

        step AS (
            INSERT INTO konstruct.steps AS s (
                tenant_id, turn_id, number, kind, state, name, request, result, attempt, done_at
            )
            SELECT
                $1, $2, $5, $6, $7, $8, $9, $10, $3, CASE WHEN $7 = 'Done' THEN now() END
            FROM turn
            ON CONFLICT (tenant_id, turn_id, number) DO UPDATE SET
                state = excluded.state,
                result = excluded.result,
                attempt = excluded.attempt,
                done_at = excluded.done_at
            WHERE s.state = 'Started' AND excluded.state = 'Done' AND s.kind = excluded.kind
            RETURNING s.number, s.kind, s.state, s.name, s.request, s.result
        ),

        counted AS (
            UPDATE konstruct.turns AS t
            SET step_count = t.step_count + 1
            FROM step
            WHERE t.tenant_id = $1 AND t.turn_id = $2
        )

        SELECT
            step.number, step.kind, step.state, step.name, step.request, step.result,
            CASE WHEN turn.stop_requested OR c.mode = 'Human' THEN 'Stop' ELSE 'Continue' END AS verdict
        FROM turn
        INNER JOIN konstruct.conversations AS c
            ON c.tenant_id = $1 AND c.conversation_id = turn.conversation_id
        LEFT JOIN step ON true
    LOOP
        IF one.number IS NULL THEN
            RETURN NULL;
        END IF;
        verdict := one.verdict;
    END LOOP;
    IF verdict IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject)
    VALUES ($1, date_trunc('month', now() AT TIME ZONE $11)::date, 'Tenant', '')
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET spent_micro_usd = t.spent_micro_usd;
    WITH entry AS (
        INSERT INTO konstruct.usage_ledger (
            tenant_id, entry_id, kind, day, agent_id, person_id, turn_id, step_number, model,
            input_tokens, output_tokens, cost_micro_usd
        )
        VALUES (
            $1, $12, 'Model', (now() AT TIME ZONE $11)::date, $13, $14, $2, $5, $8, $15, $16, $17
        )
        ON CONFLICT DO NOTHING
        RETURNING entry_id, day
    ),

    gone AS (
        DELETE FROM konstruct.usage_reservations AS r
        USING entry AS e
        WHERE r.tenant_id = $1 AND r.reservation_id = e.entry_id
        RETURNING r.micro_usd
    ),

    subjects AS (
        SELECT s.scope, s.subject, coalesce((SELECT g.micro_usd FROM gone AS g), 0) AS freed
        FROM entry
        CROSS JOIN LATERAL (
            VALUES ('Tenant', ''), ('Agent', $13::uuid::text), ('Person', $14::uuid::text)
        ) AS s (scope, subject)
        WHERE s.subject IS NOT NULL
    ),

    totals AS (
        INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, spent_micro_usd)
        SELECT $1, $18, scope, subject, $17 FROM subjects ORDER BY scope DESC
        ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
            spent_micro_usd = t.spent_micro_usd + $17,
            reserved_micro_usd = greatest(
                0, t.reserved_micro_usd - coalesce((SELECT max(s.freed) FROM subjects AS s), 0)
            )
    )

    INSERT INTO konstruct.usage_days AS d (
        tenant_id, day, agent_id, model, calls, input_tokens, output_tokens, cost_micro_usd
    )
    SELECT $1, e.day, $13, $8, 1, $15, $16, $17
    FROM entry AS e
    ON CONFLICT (tenant_id, day, agent_id, model) DO UPDATE SET
        calls = d.calls + 1,
        input_tokens = d.input_tokens + excluded.input_tokens,
        output_tokens = d.output_tokens + excluded.output_tokens,
        cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd;
    RETURN verdict;
END
$function$;
-- executable by: konstruct_llm

CREATE OR REPLACE FUNCTION konstruct.snapshots_of(tenants uuid[])
 RETURNS SETOF konstruct.registry_snapshots
 LANGUAGE plpgsql
AS $function$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY SELECT s.* FROM konstruct.registry_snapshots AS s WHERE s.tenant_id = tenant;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$function$;
-- executable by: konstruct_gateway, konstruct_llm, konstruct_portal

CREATE OR REPLACE FUNCTION konstruct.turn_at_once(uuid, uuid, integer, bytea)
 RETURNS TABLE(agent_id uuid, person_id uuid, conversation_id uuid, agent_revision text, stop_requested boolean, connection_id uuid, conversation_key text, mode text, person_key text)
 LANGUAGE plpgsql
AS $function$
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
$function$;
-- executable by: konstruct_gateway, konstruct_llm

CREATE OR REPLACE FUNCTION konstruct.verified_of(tenants uuid[])
 RETURNS SETOF konstruct.verified_credentials
 LANGUAGE plpgsql
AS $function$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY SELECT v.* FROM konstruct.verified_credentials AS v WHERE v.tenant_id = tenant;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$function$;
-- executable by: konstruct_gateway

CREATE TABLE konstruct.agent_revisions (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    revision text NOT NULL,
    snapshot jsonb NOT NULL,
    CONSTRAINT agent_revisions_pkey PRIMARY KEY (tenant_id, agent_id, revision)
);
ALTER TABLE konstruct.agent_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.agent_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.agent_revisions USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.agent_revisions TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.agent_revisions TO konstruct_gateway;

CREATE TABLE konstruct.asks (
    tenant_id uuid NOT NULL,
    ask_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    seq bigint NOT NULL,
    part integer NOT NULL,
    choices jsonb NOT NULL,
    asked_at timestamp with time zone NOT NULL DEFAULT now(),
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT asks_tenant_id_turn_id_key UNIQUE (tenant_id, turn_id),
    CONSTRAINT asks_pkey PRIMARY KEY (tenant_id, ask_id)
);
ALTER TABLE konstruct.asks ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.asks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.asks USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.asks TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.asks TO konstruct_gateway;
GRANT SELECT ON konstruct.asks TO konstruct_portal;

CREATE TABLE konstruct.audit (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subjects jsonb NOT NULL,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_pkey PRIMARY KEY (tenant_id, number)
);
ALTER TABLE konstruct.audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.audit FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.audit USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON konstruct.audit FOR EACH STATEMENT EXECUTE FUNCTION konstruct.refuse_change();
GRANT DELETE, SELECT ON konstruct.audit TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.audit TO konstruct_gateway;
GRANT INSERT, SELECT ON konstruct.audit TO konstruct_llm;
GRANT INSERT, SELECT ON konstruct.audit TO konstruct_portal;

CREATE TABLE konstruct.audit_heads (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_heads_pkey PRIMARY KEY (tenant_id)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
ALTER TABLE konstruct.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.audit_heads USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.audit_heads TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.audit_heads TO konstruct_gateway;
GRANT INSERT, SELECT, UPDATE ON konstruct.audit_heads TO konstruct_llm;
GRANT INSERT, SELECT, UPDATE ON konstruct.audit_heads TO konstruct_portal;

CREATE TABLE konstruct.audit_payload (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    salt bytea NOT NULL,
    payload jsonb NOT NULL,
    CONSTRAINT audit_payload_pkey PRIMARY KEY (tenant_id, number)
);
ALTER TABLE konstruct.audit_payload ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.audit_payload FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.audit_payload USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.audit_payload TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.audit_payload TO konstruct_gateway;
GRANT INSERT, SELECT ON konstruct.audit_payload TO konstruct_llm;
GRANT INSERT, SELECT ON konstruct.audit_payload TO konstruct_portal;

CREATE TABLE konstruct.channel_templates (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    name text NOT NULL,
    language text NOT NULL,
    state text NOT NULL,
    category text NOT NULL DEFAULT ''::text,
    quality text NOT NULL DEFAULT ''::text,
    words text NOT NULL DEFAULT ''::text,
    listed_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT channel_templates_pkey PRIMARY KEY (tenant_id, connection_id, name, language)
);
ALTER TABLE konstruct.channel_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.channel_templates FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.channel_templates USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.channel_templates TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.channel_templates TO konstruct_gateway;
GRANT SELECT ON konstruct.channel_templates TO konstruct_portal;

CREATE TABLE konstruct.conversations (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    conversation_key text NOT NULL,
    agent_id uuid NOT NULL,
    agent_name text NOT NULL,
    person_id uuid NOT NULL,
    person_key text NOT NULL,
    person_name text NOT NULL DEFAULT ''::text,
    language text NOT NULL DEFAULT ''::text,
    mode text NOT NULL DEFAULT 'Agent'::text,
    last_seq bigint NOT NULL DEFAULT 0,
    begun_at timestamp with time zone NOT NULL DEFAULT now(),
    active_at timestamp with time zone NOT NULL DEFAULT now(),
    active_hour timestamp with time zone NOT NULL DEFAULT date_trunc('hour'::text, now(), 'UTC'::text),
    fresh_after bigint NOT NULL DEFAULT 0,
    window_ends_at timestamp with time zone,
    reopened_at timestamp with time zone,
    CONSTRAINT conversations_tenant_id_connection_id_conversation_key_key UNIQUE (tenant_id, connection_id, conversation_key),
    CONSTRAINT conversations_pkey PRIMARY KEY (tenant_id, conversation_id),
    CONSTRAINT conversations_mode_check CHECK ((mode = ANY (ARRAY['Agent'::text, 'Human'::text])))
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX conversations_recent ON konstruct.conversations USING btree (tenant_id, active_hour, conversation_id) WHERE (begun_at > '-infinity'::timestamp with time zone);
CREATE INDEX conversations_with_human ON konstruct.conversations USING btree (tenant_id, conversation_id) WHERE (mode = 'Human'::text);
ALTER TABLE konstruct.conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.conversations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.conversations USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.conversations TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.conversations TO konstruct_gateway;
GRANT SELECT ON konstruct.conversations TO konstruct_llm;
GRANT SELECT ON konstruct.conversations TO konstruct_portal;

CREATE TABLE konstruct.dead_letters (
    tenant_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    died_at timestamp with time zone NOT NULL DEFAULT now(),
    replayed_at timestamp with time zone,
    closed_at timestamp with time zone,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (tenant_id, turn_id)
);
CREATE INDEX dead_letters_died ON konstruct.dead_letters USING btree (tenant_id, died_at);
CREATE INDEX dead_letters_open ON konstruct.dead_letters USING btree (tenant_id, died_at) WHERE ((replayed_at IS NULL) AND (closed_at IS NULL));
ALTER TABLE konstruct.dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.dead_letters USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.dead_letters TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.dead_letters TO konstruct_gateway;
GRANT SELECT ON konstruct.dead_letters TO konstruct_portal;

CREATE TABLE konstruct.dedupe_keys (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    key text NOT NULL,
    item_id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT dedupe_keys_pkey PRIMARY KEY (tenant_id, connection_id, key)
);
CREATE INDEX dedupe_keys_received ON konstruct.dedupe_keys USING btree (tenant_id, received_at);
ALTER TABLE konstruct.dedupe_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.dedupe_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.dedupe_keys USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.dedupe_keys TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.dedupe_keys TO konstruct_gateway;

CREATE TABLE konstruct.deliveries (
    tenant_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    part integer NOT NULL,
    seq bigint NOT NULL,
    text text NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    vendor_id text,
    receipt text NOT NULL DEFAULT ''::text,
    reason text NOT NULL DEFAULT ''::text,
    queued_at timestamp with time zone NOT NULL DEFAULT now(),
    sending_at timestamp with time zone,
    settled_at timestamp with time zone,
    drafted boolean NOT NULL DEFAULT false,
    draft_attempt integer NOT NULL DEFAULT 0,
    shown text NOT NULL DEFAULT ''::text,
    held_until timestamp with time zone,
    held integer NOT NULL DEFAULT 0,
    insisted boolean NOT NULL DEFAULT false,
    cause text NOT NULL DEFAULT ''::text,
    about_turn_id uuid,
    tried_since timestamp with time zone,
    receipt_at timestamp with time zone,
    sent_again integer NOT NULL DEFAULT 0,
    closed_at timestamp with time zone,
    template jsonb,
    lost_ids text[] NOT NULL DEFAULT '{}'::text[],
    charge_category text NOT NULL DEFAULT ''::text,
    billable boolean,
    media_id uuid,
    CONSTRAINT deliveries_tenant_id_turn_id_part_key UNIQUE (tenant_id, turn_id, part),
    CONSTRAINT deliveries_pkey PRIMARY KEY (tenant_id, delivery_id),
    CONSTRAINT deliveries_cause_check CHECK ((cause = ANY (ARRAY[''::text, 'Content'::text, 'Credentials'::text, 'Connection'::text, 'GaveUp'::text, 'Vendor'::text, 'Window'::text]))),
    CONSTRAINT deliveries_part_check CHECK (((part >= 0) AND (part <= 999))),
    CONSTRAINT deliveries_state_check CHECK ((state = ANY (ARRAY['Drafting'::text, 'Queued'::text, 'Sending'::text, 'Held'::text, 'Sent'::text, 'Refused'::text, 'Unknown'::text, 'Withheld'::text])))
) WITH (fillfactor=85);
CREATE INDEX deliveries_held ON konstruct.deliveries USING btree (tenant_id, conversation_id) WHERE (state = 'Held'::text);
CREATE INDEX deliveries_of_conversation ON konstruct.deliveries USING btree (tenant_id, conversation_id, seq, part) WHERE (queued_at > '-infinity'::timestamp with time zone);
CREATE INDEX deliveries_open ON konstruct.deliveries USING btree (tenant_id, conversation_id, seq, part) WHERE (state = ANY (ARRAY['Queued'::text, 'Sending'::text]));
CREATE INDEX deliveries_undelivered ON konstruct.deliveries USING btree (tenant_id, settled_at) WHERE ((state = ANY (ARRAY['Refused'::text, 'Unknown'::text])) AND (closed_at IS NULL));
CREATE INDEX deliveries_vendor ON konstruct.deliveries USING btree (tenant_id, connection_id, vendor_id) WHERE (vendor_id IS NOT NULL);
CREATE UNIQUE INDEX deliveries_one_word ON konstruct.deliveries USING btree (tenant_id, about_turn_id) WHERE (about_turn_id IS NOT NULL);
ALTER TABLE konstruct.deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.deliveries USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.deliveries TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.deliveries TO konstruct_gateway;
GRANT SELECT ON konstruct.deliveries TO konstruct_portal;

CREATE TABLE konstruct.delivery_dispatch (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    connection_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    replica_id uuid,
    leased_until timestamp with time zone,
    CONSTRAINT delivery_dispatch_pkey PRIMARY KEY (tenant_id, conversation_id)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX delivery_dispatch_due ON konstruct.delivery_dispatch USING btree (tenant_id, connection_id, due_at);
CREATE INDEX delivery_dispatch_held ON konstruct.delivery_dispatch USING btree (replica_id) WHERE (replica_id IS NOT NULL);
GRANT DELETE, SELECT ON konstruct.delivery_dispatch TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.delivery_dispatch TO konstruct_gateway;

CREATE TABLE konstruct.dispatch (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    turn_id uuid,
    opened_at timestamp with time zone,
    due_at timestamp with time zone,
    lease_until timestamp with time zone,
    active_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT dispatch_pkey PRIMARY KEY (tenant_id, conversation_id)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX dispatch_active ON konstruct.dispatch USING btree (tenant_id, active_at) WHERE (active_at > '-infinity'::timestamp with time zone);
CREATE INDEX dispatch_due ON konstruct.dispatch USING btree (tenant_id, due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX dispatch_idle ON konstruct.dispatch USING btree (active_at) WHERE (opened_at IS NULL);
CREATE INDEX dispatch_leased ON konstruct.dispatch USING btree (lease_until) WHERE (lease_until IS NOT NULL);
CREATE INDEX dispatch_open ON konstruct.dispatch USING btree (opened_at) WHERE (opened_at IS NOT NULL);
GRANT DELETE, SELECT ON konstruct.dispatch TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.dispatch TO konstruct_gateway;

CREATE TABLE konstruct.feedback (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    person_key text NOT NULL,
    value text NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT feedback_pkey PRIMARY KEY (tenant_id, conversation_id, turn_id, person_key),
    CONSTRAINT feedback_value_check CHECK ((value = ANY (ARRAY['up'::text, 'down'::text])))
);
ALTER TABLE konstruct.feedback ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.feedback FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.feedback USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.feedback TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.feedback TO konstruct_gateway;
GRANT SELECT ON konstruct.feedback TO konstruct_portal;

CREATE TABLE konstruct.held_messages (
    tenant_id uuid NOT NULL,
    held_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    hold_key text NOT NULL,
    conversation_key text NOT NULL,
    person_key text NOT NULL,
    payload jsonb NOT NULL,
    held_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT held_messages_tenant_id_connection_id_hold_key_key UNIQUE (tenant_id, connection_id, hold_key),
    CONSTRAINT held_messages_pkey PRIMARY KEY (tenant_id, held_id)
);
CREATE INDEX held_messages_of_conversation ON konstruct.held_messages USING btree (tenant_id, connection_id, conversation_key);
ALTER TABLE konstruct.held_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.held_messages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.held_messages USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.held_messages TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT ON konstruct.held_messages TO konstruct_gateway;

CREATE TABLE konstruct.ignored_items (
    tenant_id uuid NOT NULL,
    item_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    reason text NOT NULL,
    known boolean NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT ignored_items_pkey PRIMARY KEY (tenant_id, item_id)
);
ALTER TABLE konstruct.ignored_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.ignored_items FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.ignored_items USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.ignored_items TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.ignored_items TO konstruct_gateway;
GRANT SELECT ON konstruct.ignored_items TO konstruct_portal;

CREATE TABLE konstruct.inbox (
    tenant_id uuid NOT NULL,
    item_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    person_id uuid,
    turn_id uuid,
    replays_turn_id uuid,
    disposition text,
    reason text NOT NULL DEFAULT ''::text,
    received_at timestamp with time zone NOT NULL DEFAULT now(),
    settled_at timestamp with time zone,
    media_until timestamp with time zone,
    gather_until timestamp with time zone,
    CONSTRAINT inbox_tenant_id_conversation_id_seq_key UNIQUE (tenant_id, conversation_id, seq),
    CONSTRAINT inbox_pkey PRIMARY KEY (tenant_id, item_id),
    CONSTRAINT inbox_check CHECK (((disposition IS NULL) = (settled_at IS NULL))),
    CONSTRAINT inbox_disposition_check CHECK ((disposition = ANY (ARRAY['Answered'::text, 'Ignored'::text, 'Silenced'::text, 'Dead'::text, 'Expired'::text, 'Erased'::text]))),
    CONSTRAINT inbox_kind_check CHECK ((kind = ANY (ARRAY['Message'::text, 'Choice'::text, 'System'::text])))
) WITH (fillfactor=85);
CREATE INDEX inbox_expired ON konstruct.inbox USING btree (tenant_id, settled_at) WHERE (disposition = 'Expired'::text);
CREATE INDEX inbox_pending ON konstruct.inbox USING btree (tenant_id, conversation_id, seq) WHERE (disposition IS NULL);
CREATE INDEX inbox_received ON konstruct.inbox USING btree (tenant_id, received_at) WHERE (kind <> 'System'::text);
ALTER TABLE konstruct.inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.inbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.inbox USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.inbox TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.inbox TO konstruct_gateway;
GRANT SELECT (tenant_id, kind, received_at) ON konstruct.inbox TO konstruct_llm;
GRANT SELECT ON konstruct.inbox TO konstruct_portal;

CREATE TABLE konstruct.log (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    turn_id uuid,
    at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT log_pkey PRIMARY KEY (tenant_id, conversation_id, seq),
    CONSTRAINT log_kind_check CHECK ((kind = ANY (ARRAY['Said'::text, 'Reply'::text, 'Notice'::text, 'Ask'::text, 'Marker'::text])))
);
CREATE UNIQUE INDEX log_one_reply ON konstruct.log USING btree (tenant_id, turn_id) WHERE (kind = 'Reply'::text);
ALTER TABLE konstruct.log ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.log USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.log TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.log TO konstruct_gateway;
GRANT SELECT ON konstruct.log TO konstruct_portal;

CREATE TABLE konstruct.media (
    tenant_id uuid NOT NULL,
    media_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    person_key text NOT NULL,
    source text NOT NULL,
    vendor_key text NOT NULL DEFAULT ''::text,
    conversation_id uuid,
    item_id uuid,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint,
    sha256 text NOT NULL DEFAULT ''::text,
    state text NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    words text NOT NULL DEFAULT ''::text,
    attempt integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    settled_at timestamp with time zone,
    turn_id uuid,
    CONSTRAINT media_pkey PRIMARY KEY (tenant_id, media_id),
    CONSTRAINT media_check CHECK (((state = 'Waiting'::text) = (settled_at IS NULL))),
    CONSTRAINT media_check1 CHECK (((source = 'Made'::text) OR ((item_id IS NULL) = (conversation_id IS NULL)))),
    CONSTRAINT media_made_check CHECK (((source = 'Made'::text) = (turn_id IS NOT NULL))),
    CONSTRAINT media_source_check CHECK ((source = ANY (ARRAY['Upload'::text, 'Vendor'::text, 'Made'::text]))),
    CONSTRAINT media_state_check CHECK ((state = ANY (ARRAY['Waiting'::text, 'Stored'::text, 'Failed'::text])))
);
CREATE INDEX media_made ON konstruct.media USING btree (tenant_id, turn_id) WHERE (turn_id IS NOT NULL);
CREATE INDEX media_old ON konstruct.media USING btree (tenant_id, created_at) WHERE (conversation_id IS NOT NULL);
CREATE INDEX media_unsaid ON konstruct.media USING btree (tenant_id, created_at) WHERE (conversation_id IS NULL);
CREATE INDEX media_waiting ON konstruct.media USING btree (tenant_id, item_id) WHERE (state = 'Waiting'::text);
ALTER TABLE konstruct.media ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.media FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.media USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.media TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.media TO konstruct_gateway;
GRANT SELECT ON konstruct.media TO konstruct_llm;
GRANT SELECT ON konstruct.media TO konstruct_portal;

CREATE TABLE konstruct.media_dispatch (
    tenant_id uuid NOT NULL,
    media_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT media_dispatch_pkey PRIMARY KEY (tenant_id, media_id)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX media_dispatch_due ON konstruct.media_dispatch USING btree (due_at);
GRANT DELETE, SELECT ON konstruct.media_dispatch TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.media_dispatch TO konstruct_gateway;

CREATE TABLE konstruct.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone NOT NULL DEFAULT now(),
    oldest_program integer,
    CONSTRAINT migrations_pkey PRIMARY KEY (number)
);
GRANT SELECT ON konstruct.migrations TO konstruct_gateway;
GRANT SELECT ON konstruct.migrations TO konstruct_llm;
GRANT SELECT ON konstruct.migrations TO konstruct_portal;

CREATE TABLE konstruct.person_names (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    name text NOT NULL,
    conversation_key text NOT NULL,
    known_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT person_names_pkey PRIMARY KEY (tenant_id, connection_id, name)
);
CREATE INDEX person_names_of_conversation ON konstruct.person_names USING btree (tenant_id, connection_id, conversation_key);
ALTER TABLE konstruct.person_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.person_names FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.person_names USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.person_names TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.person_names TO konstruct_gateway;

CREATE TABLE konstruct.portal_attempts (
    key text NOT NULL,
    counted integer NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT portal_attempts_pkey PRIMARY KEY (key)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX portal_attempts_since ON konstruct.portal_attempts USING btree (since);
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.portal_attempts TO konstruct_portal;

CREATE TABLE konstruct.portal_sessions (
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    user_agent text NOT NULL DEFAULT ''::text,
    address text NOT NULL DEFAULT ''::text,
    opened_at timestamp with time zone NOT NULL DEFAULT now(),
    seen_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT portal_sessions_session_id_key UNIQUE (session_id),
    CONSTRAINT portal_sessions_pkey PRIMARY KEY (token_hash),
    CONSTRAINT portal_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES konstruct.portal_users(user_id) ON DELETE CASCADE
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX portal_sessions_opened ON konstruct.portal_sessions USING btree (opened_at);
CREATE INDEX portal_sessions_user ON konstruct.portal_sessions USING btree (user_id);
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.portal_sessions TO konstruct_portal;

CREATE TABLE konstruct.portal_users (
    user_id uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    tenants uuid[] NOT NULL DEFAULT '{}'::uuid[],
    language text NOT NULL DEFAULT ''::text,
    theme text NOT NULL DEFAULT ''::text,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    disabled_at timestamp with time zone,
    CONSTRAINT portal_users_email_key UNIQUE (email),
    CONSTRAINT portal_users_pkey PRIMARY KEY (user_id),
    CONSTRAINT portal_users_email_check CHECK ((email = lower(email))),
    CONSTRAINT portal_users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'administrator'::text, 'operator'::text])))
);
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.portal_users TO konstruct_portal;

CREATE TABLE konstruct.refusals (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    person_key text NOT NULL,
    conversation_id uuid NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refusals_pkey PRIMARY KEY (tenant_id, connection_id, person_key)
);
CREATE INDEX refusals_of_conversation ON konstruct.refusals USING btree (tenant_id, conversation_id);
ALTER TABLE konstruct.refusals ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.refusals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.refusals USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.refusals TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.refusals TO konstruct_gateway;
GRANT SELECT ON konstruct.refusals TO konstruct_portal;

CREATE TABLE konstruct.registry_claims (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    uid text NOT NULL,
    digest text NOT NULL DEFAULT ''::text,
    session bigint NOT NULL,
    sequence bigint NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    suspended boolean NOT NULL DEFAULT false,
    claimed_at timestamp with time zone NOT NULL DEFAULT now(),
    buried_at timestamp with time zone,
    erased_at timestamp with time zone,
    erased_items bigint,
    CONSTRAINT registry_claims_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT registry_claims_state_check CHECK ((state = ANY (ARRAY['Live'::text, 'Buried'::text, 'Erasing'::text, 'Erased'::text])))
);
CREATE INDEX registry_claims_erasing ON konstruct.registry_claims USING btree (buried_at) WHERE (state = 'Erasing'::text);
CREATE INDEX registry_claims_version ON konstruct.registry_claims USING btree (version);
GRANT INSERT, SELECT, UPDATE ON konstruct.registry_claims TO konstruct_gateway;
GRANT SELECT ON konstruct.registry_claims TO konstruct_llm;
GRANT SELECT ON konstruct.registry_claims TO konstruct_portal;

CREATE TABLE konstruct.registry_reports (
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    condition text NOT NULL,
    digest text NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT now(),
    version text NOT NULL DEFAULT ''::text,
    CONSTRAINT registry_reports_pkey PRIMARY KEY (tenant_id, kind, name, condition),
    CONSTRAINT registry_reports_kind_check CHECK ((kind = ANY (ARRAY['Tenant'::text, 'Agent'::text, 'ChannelConnection'::text]))),
    CONSTRAINT registry_reports_status_check CHECK ((status = ANY (ARRAY['True'::text, 'False'::text, 'Unknown'::text])))
);
ALTER TABLE konstruct.registry_reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.registry_reports FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.registry_reports USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.registry_reports TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.registry_reports TO konstruct_gateway;
GRANT INSERT, SELECT, UPDATE ON konstruct.registry_reports TO konstruct_llm;
GRANT SELECT ON konstruct.registry_reports TO konstruct_portal;

CREATE TABLE konstruct.registry_snapshots (
    tenant_id uuid NOT NULL,
    snapshot jsonb NOT NULL,
    CONSTRAINT registry_snapshots_pkey PRIMARY KEY (tenant_id)
);
ALTER TABLE konstruct.registry_snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.registry_snapshots FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.registry_snapshots USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.registry_snapshots TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.registry_snapshots TO konstruct_gateway;
GRANT SELECT ON konstruct.registry_snapshots TO konstruct_llm;
GRANT SELECT ON konstruct.registry_snapshots TO konstruct_portal;

CREATE TABLE konstruct.registry_state (
    only_row boolean NOT NULL DEFAULT true,
    session bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    reports_version bigint NOT NULL DEFAULT 0,
    CONSTRAINT registry_state_pkey PRIMARY KEY (only_row),
    CONSTRAINT registry_state_only_row_check CHECK (only_row)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
GRANT SELECT, UPDATE ON konstruct.registry_state TO konstruct_gateway;
GRANT SELECT, UPDATE (reports_version) ON konstruct.registry_state TO konstruct_llm;
GRANT SELECT ON konstruct.registry_state TO konstruct_portal;

CREATE TABLE konstruct.replicas (
    replica_id uuid NOT NULL,
    url text NOT NULL,
    seen_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT replicas_pkey PRIMARY KEY (replica_id)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.replicas TO konstruct_gateway;

CREATE TABLE konstruct.standings (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    person_key text NOT NULL,
    standing text NOT NULL,
    language text NOT NULL DEFAULT ''::text,
    asked_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT standings_pkey PRIMARY KEY (tenant_id, connection_id, person_key),
    CONSTRAINT standings_standing_check CHECK ((standing = ANY (ARRAY['Member'::text, 'Guest'::text, 'Stranger'::text, 'Unknown'::text])))
);
ALTER TABLE konstruct.standings ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.standings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.standings USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.standings TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.standings TO konstruct_gateway;

CREATE TABLE konstruct.steps (
    tenant_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    name text NOT NULL DEFAULT ''::text,
    request jsonb NOT NULL,
    result jsonb NOT NULL,
    attempt integer NOT NULL,
    started_at timestamp with time zone NOT NULL DEFAULT now(),
    done_at timestamp with time zone,
    CONSTRAINT steps_pkey PRIMARY KEY (tenant_id, turn_id, number),
    CONSTRAINT steps_kind_check CHECK ((kind = ANY (ARRAY['Model'::text, 'Tool'::text]))),
    CONSTRAINT steps_state_check CHECK ((state = ANY (ARRAY['Started'::text, 'Done'::text])))
);
ALTER TABLE konstruct.steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.steps FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.steps USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.steps TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.steps TO konstruct_gateway;
GRANT INSERT, SELECT, UPDATE (state, result, attempt, done_at) ON konstruct.steps TO konstruct_llm;
GRANT SELECT ON konstruct.steps TO konstruct_portal;

CREATE TABLE konstruct.turns (
    tenant_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    agent_revision text NOT NULL,
    tenant jsonb NOT NULL,
    language text NOT NULL DEFAULT ''::text,
    person_id uuid,
    replays_turn_id uuid,
    state text NOT NULL,
    attempt integer NOT NULL,
    strikes integer NOT NULL DEFAULT 0,
    claim_id uuid,
    token_hashes bytea[] NOT NULL DEFAULT '{}'::bytea[],
    pod text NOT NULL DEFAULT ''::text,
    boot_id uuid,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    window_from bigint,
    window_to bigint,
    step_count integer NOT NULL DEFAULT 0,
    steps_at_claim integer NOT NULL DEFAULT 0,
    stop_requested boolean NOT NULL DEFAULT false,
    opened_at timestamp with time zone NOT NULL,
    claimed_at timestamp with time zone,
    settled_at timestamp with time zone,
    settled_by text NOT NULL DEFAULT ''::text,
    disposition text,
    reason text NOT NULL DEFAULT ''::text,
    reply_id uuid,
    reply_seq bigint,
    CONSTRAINT turns_pkey PRIMARY KEY (tenant_id, turn_id),
    CONSTRAINT turns_check CHECK (((state = ANY (ARRAY['Queued'::text, 'Claimed'::text])) = (settled_at IS NULL))),
    CONSTRAINT turns_state_check CHECK ((state = ANY (ARRAY['Queued'::text, 'Claimed'::text, 'Answered'::text, 'Dead'::text, 'Cancelled'::text])))
) WITH (fillfactor=80);
CREATE INDEX turns_answered ON konstruct.turns USING btree (tenant_id, settled_at) WHERE (state = 'Answered'::text);
CREATE INDEX turns_held ON konstruct.turns USING btree (tenant_id, pod) WHERE (state = 'Claimed'::text);
CREATE INDEX turns_of_conversation ON konstruct.turns USING btree (tenant_id, conversation_id, first_seq) WHERE (first_seq > 0);
CREATE UNIQUE INDEX turns_claim ON konstruct.turns USING btree (tenant_id, claim_id) WHERE (state = 'Claimed'::text);
CREATE UNIQUE INDEX turns_one_open ON konstruct.turns USING btree (tenant_id, conversation_id) WHERE (state = ANY (ARRAY['Queued'::text, 'Claimed'::text]));
ALTER TABLE konstruct.turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.turns FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.turns USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.turns TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.turns TO konstruct_gateway;
GRANT SELECT, UPDATE (step_count) ON konstruct.turns TO konstruct_llm;
GRANT SELECT ON konstruct.turns TO konstruct_portal;

CREATE TABLE konstruct.usage_days (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    agent_id uuid NOT NULL,
    model text NOT NULL,
    calls bigint NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_micro_usd bigint NOT NULL DEFAULT 0,
    CONSTRAINT usage_days_pkey PRIMARY KEY (tenant_id, day, agent_id, model)
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
ALTER TABLE konstruct.usage_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.usage_days FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.usage_days USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.usage_days TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.usage_days TO konstruct_gateway;
GRANT INSERT, SELECT, UPDATE ON konstruct.usage_days TO konstruct_llm;
GRANT SELECT ON konstruct.usage_days TO konstruct_portal;

CREATE TABLE konstruct.usage_ledger (
    tenant_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    kind text NOT NULL,
    day date NOT NULL,
    agent_id uuid NOT NULL,
    person_id uuid,
    turn_id uuid,
    step_number integer,
    model text NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    at timestamp with time zone NOT NULL DEFAULT now(),
    delivery_id uuid,
    category text NOT NULL DEFAULT ''::text,
    billable boolean,
    priced boolean NOT NULL DEFAULT true,
    CONSTRAINT usage_ledger_pkey PRIMARY KEY (tenant_id, entry_id),
    CONSTRAINT usage_ledger_cost_micro_usd_check CHECK ((cost_micro_usd >= 0)),
    CONSTRAINT usage_ledger_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT usage_ledger_kind_check CHECK ((kind = ANY (ARRAY['Model'::text, 'Embedding'::text, 'Channel'::text]))),
    CONSTRAINT usage_ledger_output_tokens_check CHECK ((output_tokens >= 0))
);
ALTER TABLE konstruct.usage_ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.usage_ledger FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.usage_ledger USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.usage_ledger TO konstruct_eraser;
GRANT INSERT, SELECT ON konstruct.usage_ledger TO konstruct_gateway;
GRANT INSERT, SELECT ON konstruct.usage_ledger TO konstruct_llm;
GRANT SELECT ON konstruct.usage_ledger TO konstruct_portal;

CREATE TABLE konstruct.usage_reservations (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    step_number integer NOT NULL,
    month date NOT NULL,
    agent_id uuid NOT NULL,
    person_id uuid NOT NULL,
    micro_usd bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT usage_reservations_pkey PRIMARY KEY (tenant_id, reservation_id),
    CONSTRAINT usage_reservations_micro_usd_check CHECK ((micro_usd >= 0))
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
CREATE INDEX usage_reservations_expiring ON konstruct.usage_reservations USING btree (tenant_id, expires_at);
CREATE INDEX usage_reservations_step ON konstruct.usage_reservations USING btree (tenant_id, turn_id, step_number);
ALTER TABLE konstruct.usage_reservations ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.usage_reservations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.usage_reservations USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.usage_reservations TO konstruct_eraser;
GRANT DELETE, SELECT, UPDATE ON konstruct.usage_reservations TO konstruct_gateway;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.usage_reservations TO konstruct_llm;
GRANT SELECT ON konstruct.usage_reservations TO konstruct_portal;

CREATE TABLE konstruct.usage_totals (
    tenant_id uuid NOT NULL,
    month date NOT NULL,
    scope text NOT NULL,
    subject text NOT NULL,
    spent_micro_usd bigint NOT NULL DEFAULT 0,
    reserved_micro_usd bigint NOT NULL DEFAULT 0,
    CONSTRAINT usage_totals_pkey PRIMARY KEY (tenant_id, month, scope, subject),
    CONSTRAINT usage_totals_reserved_micro_usd_check CHECK ((reserved_micro_usd >= 0)),
    CONSTRAINT usage_totals_scope_check CHECK ((scope = ANY (ARRAY['Tenant'::text, 'Agent'::text, 'Person'::text]))),
    CONSTRAINT usage_totals_spent_micro_usd_check CHECK ((spent_micro_usd >= 0))
) WITH (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_cost_delay=0, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=200, fillfactor=70);
ALTER TABLE konstruct.usage_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.usage_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.usage_totals USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.usage_totals TO konstruct_eraser;
GRANT INSERT, SELECT, UPDATE ON konstruct.usage_totals TO konstruct_gateway;
GRANT INSERT, SELECT, UPDATE ON konstruct.usage_totals TO konstruct_llm;
GRANT SELECT ON konstruct.usage_totals TO konstruct_portal;

CREATE TABLE konstruct.verified_credentials (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    config jsonb NOT NULL,
    sealed jsonb NOT NULL,
    verified_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT verified_credentials_pkey PRIMARY KEY (tenant_id, connection_id)
);
ALTER TABLE konstruct.verified_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE konstruct.verified_credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON konstruct.verified_credentials USING (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid) WITH CHECK (tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid);
GRANT DELETE, SELECT ON konstruct.verified_credentials TO konstruct_eraser;
GRANT DELETE, INSERT, SELECT, UPDATE ON konstruct.verified_credentials TO konstruct_gateway;
