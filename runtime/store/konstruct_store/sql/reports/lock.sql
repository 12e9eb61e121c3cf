-- Lock some conversations, then their hot rows, as senders do.
-- $1 tenant, $2 conversations
WITH conversation AS MATERIALIZED (
    SELECT c.conversation_id
    FROM konstruct.conversations AS c
    WHERE c.tenant_id = $1 AND c.conversation_id = any($2::uuid [])
    ORDER BY c.conversation_id
    FOR UPDATE
)

SELECT d.conversation_id
FROM (SELECT count(*) AS locked FROM conversation) AS l
INNER JOIN konstruct.delivery_dispatch AS d
    ON d.tenant_id = $1 AND d.conversation_id = any($2::uuid []) AND l.locked >= 0
ORDER BY d.conversation_id
FOR UPDATE OF d
