-- Keep what a vendor said of a person.
-- $1 tenant, $2 connection, $3 person key, $4 standing, $5 language
INSERT INTO konstruct.standings (tenant_id, connection_id, person_key, standing, language)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, connection_id, person_key) DO UPDATE SET
    standing = excluded.standing, language = excluded.language, asked_at = now()
