-- Say that a replica lives and where.
-- $1 replica, $2 url
INSERT INTO konstruct.replicas (replica_id, url)
VALUES ($1, $2)
ON CONFLICT (replica_id) DO UPDATE SET url = excluded.url, seen_at = now()
