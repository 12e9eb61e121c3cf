-- Lock a turn's conversation, its dispatch row and the turn, in this order.
-- $1 tenant, $2 turn
WITH conversation AS MATERIALIZED (
    SELECT c.conversation_id, c.connection_id, c.mode, c.language, c.agent_name
    FROM konstruct.conversations AS c
    WHERE
        c.tenant_id = $1
        AND c.conversation_id = (
            SELECT t.conversation_id
            FROM konstruct.turns AS t
            WHERE t.tenant_id = $1 AND t.turn_id = $2
        )
    FOR UPDATE
),

hot AS MATERIALIZED (
    SELECT d.conversation_id
    FROM conversation AS c
    INNER JOIN konstruct.dispatch AS d
        ON d.tenant_id = $1 AND d.conversation_id = c.conversation_id
    FOR UPDATE OF d
),

turn AS MATERIALIZED (
    SELECT t.*
    FROM (SELECT count(*) AS held FROM hot) AS h
    INNER JOIN konstruct.turns AS t ON t.tenant_id = $1 AND t.turn_id = $2 AND h.held >= 0
    FOR UPDATE OF t
)

SELECT
    c.conversation_id, c.connection_id, c.mode, c.language AS person_language, c.agent_name,
    t.agent_id, t.state, t.attempt, t.strikes, t.token_hashes, t.stop_requested, t.language,
    t.settled_by, t.disposition, t.reply_id, t.reply_seq
FROM conversation AS c
CROSS JOIN turn AS t
