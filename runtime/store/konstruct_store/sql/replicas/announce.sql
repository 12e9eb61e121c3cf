-- Say that a replica lives and where. Another one at the same address has ended: it is not waited for.
-- $1 replica, $2 url, $3 seconds without a word after which a replica is dead
WITH former AS (
    UPDATE konstruct.replicas
    SET seen_at = now() - $3 * interval '1 second'
    WHERE
        url = $2
        AND url <> ''
        AND replica_id <> $1
        AND seen_at > now() - $3 * interval '1 second'
)

INSERT INTO konstruct.replicas (replica_id, url)
VALUES ($1, $2)
ON CONFLICT (replica_id) DO UPDATE SET url = excluded.url, seen_at = now()
