-- The conversations that these names stand for.
-- $1 tenant, $2 connection, $3 names
SELECT name, conversation_key
FROM konstruct.person_names
WHERE tenant_id = $1 AND connection_id = $2 AND name = any($3::text [])
