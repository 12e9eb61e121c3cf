-- Receive one item.
-- Dedupe keys, conversation (its row lock orders items), inbox row, log entry and dispatch row.
-- $1 tenant, $2 connection, $3 dedupe keys, $4 item, $5 id for a new conversation,
-- $6 conversation key, $7 agent, $8 its name, $9 person, $10 person key, $11 person's name,
-- $12 language, $13 exclusive, $14 kind, $15 payload, $16 gather milliseconds, $17 suspended,
-- $18 command ('': none): Konstruct obeys it itself, unless a human has the conversation
WITH gate AS (
    SELECT
        NOT coalesce(bool_or(c.state IN ('Erasing', 'Erased')), false) AS open,
        $17::boolean OR coalesce(bool_or(c.suspended), false) AS suspended
    FROM konstruct.registry_claims AS c
    WHERE c.tenant_id = $1
),

fresh AS (
    INSERT INTO konstruct.dedupe_keys (tenant_id, connection_id, key, item_id)
    SELECT $1, $2, k.key, $4
    FROM gate, unnest($3::text []) AS k (key)
    WHERE gate.open
    ORDER BY k.key
    ON CONFLICT DO NOTHING
    RETURNING key
),

verdict AS (
    SELECT count(*) = cardinality($3::text []) AS accepted, count(*) AS inserted FROM fresh
),

conversation AS (
    INSERT INTO konstruct.conversations AS c (
        tenant_id, conversation_id, connection_id, conversation_key, agent_id, agent_name,
        person_id, person_key, person_name, language, last_seq
    )
    SELECT $1, $5, $2, $6, $7, $8, $9, $10, $11, $12, 1
    FROM verdict
    WHERE accepted
    ON CONFLICT (tenant_id, connection_id, conversation_key) DO UPDATE SET
        last_seq = c.last_seq + 1,
        agent_id = excluded.agent_id,
        agent_name = excluded.agent_name,
        person_name = coalesce(nullif(excluded.person_name, ''), c.person_name),
        language = coalesce(nullif(excluded.language, ''), c.language),
        active_at = now(),
        active_hour = date_trunc('hour', now(), 'UTC')
    WHERE NOT $13 OR c.person_key = excluded.person_key
    RETURNING conversation_id, last_seq, mode
),

item AS (
    INSERT INTO konstruct.inbox (
        tenant_id, item_id, conversation_id, seq, kind, person_id, disposition, reason, settled_at
    )
    SELECT
        $1, $4, conversation_id, last_seq, $14, $9,
        CASE WHEN mode = 'Human' THEN 'Silenced' WHEN $18 <> '' THEN 'Answered' END,
        CASE WHEN mode = 'Human' THEN 'HumanHasConversation' ELSE $18 END,
        CASE WHEN mode = 'Human' OR $18 <> '' THEN now() END
    FROM conversation
),

entry AS (
    INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload)
    SELECT
        $1, conversation_id, last_seq, 'Said',
        CASE
            WHEN $18 <> '' AND mode = 'Agent' THEN $15 || jsonb_build_object('command', $18::text)
            ELSE $15
        END
    FROM conversation
),

hot AS (
    INSERT INTO konstruct.dispatch AS d (
        tenant_id, conversation_id, agent_id, opened_at, due_at
    )
    SELECT
        $1, conversation_id, $7, now(),
        CASE WHEN NOT gate.suspended THEN now() + $16 * interval '1 millisecond' END
    FROM conversation, gate
    WHERE mode = 'Agent' AND $18 = ''
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
        agent_id = CASE WHEN d.turn_id IS NULL THEN excluded.agent_id ELSE d.agent_id END,
        opened_at = coalesce(d.opened_at, excluded.opened_at),
        due_at = CASE WHEN d.opened_at IS NULL THEN excluded.due_at ELSE d.due_at END,
        active_at = now()
)

SELECT
    gate.open,
    verdict.accepted,
    verdict.inserted > 0 AS partly,
    conversation.conversation_id,
    conversation.last_seq AS seq,
    conversation.mode = 'Human' AS silenced
FROM gate, verdict
LEFT JOIN conversation ON true
