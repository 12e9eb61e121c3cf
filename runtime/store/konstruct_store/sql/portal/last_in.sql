-- When a connection's latest message came, if it is among the tenant's latest ones.
-- $1 tenant, $2 connection, $3 how many messages to look through
SELECT max(latest.received_at) AS at
FROM (
    SELECT
        i.conversation_id,
        i.received_at
    FROM konstruct.inbox AS i
    WHERE i.tenant_id = $1 AND i.kind <> 'System'
    ORDER BY i.received_at DESC
    LIMIT $3
) AS latest
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = $1 AND latest.conversation_id = c.conversation_id
WHERE c.connection_id = $2
