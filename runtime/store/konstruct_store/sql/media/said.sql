-- Files that were said in a conversation, with their words.
-- $1 tenant, $2 conversation, $3 media
SELECT media_id, name, media_type, size, sha256, state, reason, words
FROM konstruct.media
WHERE tenant_id = $1 AND media_id = any($3::uuid []) AND conversation_id = $2
