-- The replicas that were seen lately and can be told something.
-- $1 seconds
SELECT replica_id, url
FROM konstruct.replicas
WHERE seen_at > now() - $1 * interval '1 second' AND url <> ''
