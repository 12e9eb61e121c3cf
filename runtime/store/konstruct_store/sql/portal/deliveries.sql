-- What became of a conversation's messages on their way to a vendor, in their order.
-- $1 tenant, $2 conversation, $3 from seq, $4 limit
SELECT
    delivery_id, conversation_id, connection_id, turn_id, seq, part, state, text, cause, reason,
    attempt, attempt - held AS tries, receipt, receipt_at, queued_at, sending_at, settled_at,
    sent_again, closed_at, '' AS person_name
FROM konstruct.deliveries
WHERE
    tenant_id = $1
    AND conversation_id = $2
    AND seq >= $3
    AND queued_at > '-infinity'
    AND state <> 'Drafting'
ORDER BY seq, part
LIMIT $4
