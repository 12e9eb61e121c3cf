-- Take the first open delivery of each locked conversation for a new attempt.
-- The reason of the attempt before is given back and cleared: a crash leaves none.
-- A conversation without one loses its hot row (see `forget_done`).
-- $1 tenant, $2 conversations
WITH head AS (
    SELECT o.delivery_id, o.reason
    FROM unnest($2::uuid []) AS w (conversation_id)
    CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.reason
        FROM konstruct.deliveries AS d
        WHERE
            d.tenant_id = $1
            AND d.conversation_id = w.conversation_id
            AND d.state IN ('Queued', 'Sending')
        ORDER BY d.seq, d.part
        LIMIT 1
    ) AS o
),

taken AS (
    UPDATE konstruct.deliveries AS d
    SET state = 'Sending', attempt = d.attempt + 1, sending_at = now(), reason = ''
    FROM head AS h
    WHERE d.tenant_id = $1 AND d.delivery_id = h.delivery_id
    RETURNING
        d.delivery_id, d.conversation_id, d.connection_id, d.turn_id, d.part, d.text, d.attempt,
        d.vendor_id, d.queued_at, h.reason
)

SELECT t.*, c.conversation_key, c.person_key, c.agent_id
FROM taken AS t
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = $1 AND c.conversation_id = t.conversation_id
ORDER BY t.queued_at, t.part
