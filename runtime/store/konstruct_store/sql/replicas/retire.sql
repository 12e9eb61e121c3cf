-- Forget a replica that ends.
-- $1 replica
DELETE FROM konstruct.replicas
WHERE replica_id = $1
