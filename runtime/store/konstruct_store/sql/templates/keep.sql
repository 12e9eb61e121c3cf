-- Keep a connection's templates as its vendor lists them now; what is not listed is gone.
-- $1 tenant, $2 connection, $3 [{name, language, state, category, quality, words}]
WITH listed AS (
    SELECT t.*
    FROM jsonb_to_recordset($3::jsonb) AS t (
        name text, language text, state text, category text, quality text, words text
    )
),

gone AS (
    DELETE FROM konstruct.channel_templates AS c
    WHERE
        c.tenant_id = $1
        AND c.connection_id = $2
        AND NOT EXISTS (
            SELECT FROM listed AS l WHERE l.name = c.name AND l.language = c.language
        )
)

INSERT INTO konstruct.channel_templates AS c (
    tenant_id, connection_id, name, language, state, category, quality, words
)
SELECT $1, $2, l.name, l.language, l.state, l.category, l.quality, l.words
FROM listed AS l
ORDER BY l.name, l.language
ON CONFLICT (tenant_id, connection_id, name, language) DO UPDATE SET
    state = excluded.state,
    category = excluded.category,
    quality = excluded.quality,
    words = excluded.words,
    listed_at = now()
