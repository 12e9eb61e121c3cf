-- Call a conversation by its person's new name.
-- $1 tenant, $2 connection, $3 key before, $4 new key, $5 the person's new id
UPDATE konstruct.conversations
SET conversation_key = $4, person_key = $4, person_id = $5
WHERE tenant_id = $1 AND connection_id = $2 AND conversation_key = $3
