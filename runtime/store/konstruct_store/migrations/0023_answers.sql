-- An answer says whether the conversation has more to answer: where it has not, nobody needs to look.
-- Only `more` differs from 0020.
-- oldest-program: 15

DROP FUNCTION konstruct.answer_at_once(
    uuid, uuid, integer, bytea, uuid, jsonb, jsonb, bytea, bytea, jsonb
);

-- Every end but an answer in words is unusual: nothing comes back then, and nothing has changed.
-- `more`: messages that came meanwhile wait for the next turn.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 reply, $6 its payload without the agent's name,
-- $7 deliveries, $8 audit digest, $9 its salt, $10 its payload
CREATE FUNCTION konstruct.answer_at_once(
    uuid, uuid, integer, bytea, uuid, jsonb, jsonb, bytea, bytea, jsonb
) RETURNS TABLE (
    seq bigint, kind text, payload jsonb, at timestamptz, turn_id uuid, more boolean
)
LANGUAGE plpgsql SECURITY INVOKER
AS $$
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
$$;
REVOKE ALL ON FUNCTION
konstruct.answer_at_once(uuid, uuid, integer, bytea, uuid, jsonb, jsonb, bytea, bytea, jsonb)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
konstruct.answer_at_once(uuid, uuid, integer, bytea, uuid, jsonb, jsonb, bytea, bytea, jsonb)
TO konstruct_gateway;
