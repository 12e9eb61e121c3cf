-- A question of one connection, with the conversation it was asked in.
-- $1 tenant, $2 connection, $3 ask
SELECT
    a.ask_id, a.conversation_id, a.turn_id, a.choices, a.expires_at,
    a.expires_at <= now() AS expired,
    c.conversation_key, c.person_key, c.agent_id, c.language
FROM konstruct.asks AS a
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = a.tenant_id AND c.conversation_id = a.conversation_id
WHERE a.tenant_id = $1 AND a.ask_id = $3 AND c.connection_id = $2
