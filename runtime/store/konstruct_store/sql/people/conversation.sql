-- Lock a conversation and its dispatch row to write into it.
-- $1 tenant, $2 conversation
WITH conversation AS MATERIALIZED (
    SELECT c.conversation_id, c.connection_id, c.mode, c.language
    FROM konstruct.conversations AS c
    WHERE c.tenant_id = $1 AND c.conversation_id = $2
    FOR UPDATE
),

hot AS MATERIALIZED (
    SELECT d.conversation_id
    FROM conversation AS c
    INNER JOIN konstruct.dispatch AS d
        ON d.tenant_id = $1 AND d.conversation_id = c.conversation_id
    FOR UPDATE OF d
)

SELECT c.connection_id, c.mode, c.language, (SELECT count(*) FROM hot) AS held
FROM conversation AS c
