-- Forget a replica that ends, and those that were not seen for a day.
-- $1 replica
DELETE FROM konstruct.replicas
WHERE replica_id = $1 OR seen_at < now() - interval '1 day'
