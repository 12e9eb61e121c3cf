-- Whether the agent is part of this conversation: something was received in it. That somebody was
-- turned away there is no conversation with the agent.
-- $1 tenant, $2 connection, $3 conversation key
SELECT EXISTS (
    SELECT
    FROM konstruct.conversations AS c
    WHERE
        c.tenant_id = $1 AND c.connection_id = $2 AND c.conversation_key = $3
        AND (
            NOT EXISTS (
                SELECT
                FROM konstruct.refusals AS r
                WHERE r.tenant_id = $1 AND r.conversation_id = c.conversation_id
            )
            OR EXISTS (
                SELECT
                FROM konstruct.inbox AS i
                WHERE i.tenant_id = $1 AND i.conversation_id = c.conversation_id
            )
        )
)
