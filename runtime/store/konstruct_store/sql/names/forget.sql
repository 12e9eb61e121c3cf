-- Forget names that are somebody else's from now on.
-- $1 tenant, $2 connection, $3 names
DELETE FROM konstruct.person_names
WHERE tenant_id = $1 AND connection_id = $2 AND name = any($3::text [])
