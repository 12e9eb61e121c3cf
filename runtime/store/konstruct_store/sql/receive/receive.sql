-- Receive items of one tenant, in the order in which they are numbered.
-- Dedupe keys first, then conversations (their row locks order items), then dispatch rows, each
-- kind in its own fixed order: two batches never wait for each other in a circle.
-- $1 tenant, $2 exclusive: only the person who began a conversation may write into it,
-- $3 items: n, item_id, connection_id, keys, new_id (of a new conversation), conversation_key,
-- agent_id, agent_name, person_id, person_key, person_name, language, kind, payload, gather
-- (milliseconds), suspended, command ('': none; else Konstruct obeys it itself, unless a human has
-- the conversation)
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
