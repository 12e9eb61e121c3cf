-- Lock the dispatch rows of turns that a pod says it holds, in the order of conversations.
-- $1 tenant, $2 turns
SELECT d.conversation_id, d.turn_id
FROM konstruct.turns AS t
INNER JOIN konstruct.dispatch AS d
    ON d.tenant_id = t.tenant_id AND d.conversation_id = t.conversation_id
WHERE t.tenant_id = $1 AND t.turn_id = any($2::uuid []) AND d.turn_id = t.turn_id
ORDER BY d.conversation_id
FOR UPDATE OF d
