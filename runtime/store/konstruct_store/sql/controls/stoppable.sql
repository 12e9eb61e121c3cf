-- Which of these conversations a person who pressed Stop means: one that is being answered, else
-- one that waits, else the likeliest that there is.
-- $1 tenant, $2 connection, $3 conversation keys, the likeliest first
SELECT c.conversation_id, c.language
FROM konstruct.conversations AS c
LEFT JOIN konstruct.dispatch AS d
    ON d.tenant_id = c.tenant_id AND d.conversation_id = c.conversation_id
WHERE c.tenant_id = $1 AND c.connection_id = $2 AND c.conversation_key = any($3::text [])
ORDER BY
    d.turn_id IS NOT NULL DESC,
    d.opened_at IS NOT NULL DESC,
    array_position($3::text [], c.conversation_key)
LIMIT 1
