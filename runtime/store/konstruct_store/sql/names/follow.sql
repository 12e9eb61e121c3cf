-- Let what stood for a conversation stand for it under its new key.
-- $1 tenant, $2 connection, $3 key before, $4 new key
UPDATE konstruct.person_names
SET conversation_key = $4
WHERE tenant_id = $1 AND connection_id = $2 AND conversation_key = $3
