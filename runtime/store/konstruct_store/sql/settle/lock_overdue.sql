-- Lock an overdue conversation and its dispatch row, if it is still overdue.
-- $1 tenant, $2 conversation, $3 deadline seconds
WITH conversation AS MATERIALIZED (
    SELECT c.conversation_id, c.language, c.agent_id
    FROM konstruct.conversations AS c
    WHERE c.tenant_id = $1 AND c.conversation_id = $2
    FOR UPDATE
)

SELECT
    c.conversation_id, c.language, c.agent_id, d.turn_id, d.opened_at = '-infinity' AS exhausted,
    (
        SELECT s.suspended
        FROM konstruct.registry_claims AS s
        WHERE s.tenant_id = $1
    ) IS TRUE AS suspended
FROM conversation AS c
INNER JOIN konstruct.dispatch AS d ON d.tenant_id = $1 AND d.conversation_id = c.conversation_id
WHERE d.opened_at <= now() - $3 * interval '1 second'
FOR UPDATE OF d
