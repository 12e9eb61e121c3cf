-- Lock a turn for an effect, if attempt and token are the turn's; with the step asked for, if any.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash
SELECT
    t.agent_id, t.person_id, t.conversation_id, t.agent_revision, t.stop_requested,
    c.connection_id, c.conversation_key, c.mode, c.person_key
FROM konstruct.turns AS t
INNER JOIN konstruct.conversations AS c
    ON c.tenant_id = t.tenant_id AND c.conversation_id = t.conversation_id
WHERE
    t.tenant_id = $1
    AND t.turn_id = $2
    AND t.state IN ('Queued', 'Claimed')
    AND t.attempt = $3
    AND $4 = any(t.token_hashes)
FOR UPDATE OF t
