-- Take the first open delivery of each locked conversation for a new attempt.
-- The reason of the attempt before is given back and cleared: a crash leaves none. So is the wish
-- of an operator to have it sent in any case: it holds for one attempt.
-- A conversation without one loses its hot row (see `forget_done`). A draft whose beginning may
-- still be under way is not taken before that is surely over.
-- $1 tenant, $2 conversations
WITH head AS (
    SELECT o.delivery_id, o.conversation_id, o.held_until, o.reason, o.insisted
    FROM unnest($2::uuid []) AS w (conversation_id)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.conversation_id, d.held_until, d.reason, d.insisted
        FROM konstruct.deliveries AS d
        WHERE
            d.tenant_id = $1
            AND d.conversation_id = w.conversation_id
            AND d.state IN ('Queued', 'Sending')
        ORDER BY d.seq, d.part
        LIMIT 1
    ) AS o
),

later AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = h.held_until
    FROM head AS h
    WHERE
        d.tenant_id = $1
        AND d.conversation_id = h.conversation_id
        AND h.held_until > now()
),

taken AS (
    UPDATE konstruct.deliveries AS d
    SET
        state = 'Sending',
        attempt = d.attempt + 1,
        sending_at = now(),
        tried_since = coalesce(d.tried_since, now()),
        reason = '',
        insisted = false
    FROM head AS h
    WHERE
        d.tenant_id = $1
        AND d.delivery_id = h.delivery_id
        AND (h.held_until IS NULL OR h.held_until <= now())
    RETURNING
        d.delivery_id, d.conversation_id, d.connection_id, d.turn_id, d.part, d.seq, d.text,
        d.attempt, d.held, d.vendor_id, d.queued_at, d.about_turn_id, d.sent_again,
        d.drafted, d.shown, d.media_id, d.template, h.reason, h.insisted,
        extract(EPOCH FROM now() - d.tried_since)::float8 AS tried_seconds
)

SELECT
    t.*, c.conversation_key, c.person_key, c.agent_id, c.language,
    c.window_ends_at, coalesce(c.window_ends_at <= now(), false) AS window_closed,
    CASE WHEN s.payload ->> 'id' <> '' AND EXISTS (
        SELECT
        FROM konstruct.log AS w
        WHERE
            w.tenant_id = $1
            AND w.conversation_id = t.conversation_id
            AND w.seq > n.last_seq
            AND w.seq < t.seq
            AND w.kind = 'Said'
    ) THEN s.payload ->> 'id' END AS answers,
    a.ask_id, coalesce(a.choices, '[]') AS choices,
    m.name AS file_name, m.media_type AS file_type, m.size AS file_size, m.sha256 AS file_sha256,
    n.state = 'Answered' AND t.media_id IS NULL AND NOT EXISTS (
        SELECT
        FROM konstruct.deliveries AS l
        WHERE
            l.tenant_id = $1 AND l.turn_id = t.turn_id AND l.part > t.part AND l.media_id IS NULL
    ) AS ends_answer
FROM taken AS t
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = $1 AND c.conversation_id = t.conversation_id
LEFT JOIN konstruct.asks AS a
    ON a.tenant_id = $1 AND a.turn_id = t.turn_id AND a.part = t.part
LEFT JOIN konstruct.media AS m
    ON m.tenant_id = $1 AND m.media_id = t.media_id AND m.state = 'Stored'
LEFT JOIN konstruct.turns AS n ON n.tenant_id = $1 AND n.turn_id = t.turn_id
LEFT JOIN konstruct.log AS s
    ON
        s.tenant_id = $1
        AND s.conversation_id = t.conversation_id
        AND s.seq = n.last_seq
        AND t.part = 0
ORDER BY t.queued_at, t.part
