-- Drop the hot rows of conversations that have nothing more to send. Their rows are locked.
-- $1 tenant, $2 conversations
DELETE FROM konstruct.delivery_dispatch AS d
WHERE
    d.tenant_id = $1
    AND d.conversation_id = any($2::uuid [])
    AND NOT EXISTS (
        SELECT FROM konstruct.deliveries AS o
        WHERE
            o.tenant_id = $1
            AND o.conversation_id = d.conversation_id
            AND o.state IN ('Queued', 'Sending')
    )
