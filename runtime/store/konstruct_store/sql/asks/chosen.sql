-- What was chosen by an item: the entry that keeps it.
-- $1 tenant, $2 conversation, $3 seq
SELECT l.payload ->> 'choice' AS choice, l.payload ->> 'personKey' AS person_key
FROM konstruct.log AS l
WHERE l.tenant_id = $1 AND l.conversation_id = $2 AND l.seq = $3
