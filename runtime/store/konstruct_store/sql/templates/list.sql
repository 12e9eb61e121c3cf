-- A connection's templates as its vendor listed them last.
-- $1 tenant, $2 connection
SELECT name, language, state, category, quality, words, listed_at
FROM konstruct.channel_templates
WHERE tenant_id = $1 AND connection_id = $2
ORDER BY name, language
