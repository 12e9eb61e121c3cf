-- Leave deliveries that were not sent as they are: an operator has seen them.
-- $1 tenant, $2 deliveries
UPDATE konstruct.deliveries
SET closed_at = now()
WHERE
    tenant_id = $1
    AND delivery_id = any($2::uuid [])
    AND state IN ('Refused', 'Unknown')
    AND closed_at IS NULL
RETURNING delivery_id, conversation_id
