-- Deliveries that did not arrive, or perhaps not, and that nobody has dealt with; the latest first.
-- $1 tenant, $2 settled before (null: from now), $3 limit
-- CASE and not COALESCE: under row-level security only the former reaches the index.
SELECT
    d.delivery_id, d.conversation_id, d.connection_id, d.turn_id, d.seq, d.part, d.state, d.text,
    d.cause, d.reason, d.attempt, d.attempt - d.held AS tries, d.receipt, d.receipt_at,
    d.queued_at, d.sending_at, d.settled_at, d.sent_again, d.closed_at, c.person_name
FROM konstruct.deliveries AS d
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = d.tenant_id AND c.conversation_id = d.conversation_id
WHERE
    d.tenant_id = $1
    AND d.state IN ('Refused', 'Unknown')
    AND d.closed_at IS NULL
    AND d.settled_at < CASE WHEN $2::timestamptz IS NULL THEN 'infinity' ELSE $2 END
ORDER BY d.settled_at DESC
LIMIT $3
