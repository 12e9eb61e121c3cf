-- Forget replicas that were not seen for long.
-- $1 seconds
DELETE FROM konstruct.replicas
WHERE seen_at < now() - $1 * interval '1 second'
