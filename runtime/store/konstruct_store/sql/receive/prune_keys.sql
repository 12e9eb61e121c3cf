-- Forget dedupe keys that no vendor can repeat any more.
-- $1 tenant, $2 days
DELETE FROM konstruct.dedupe_keys
WHERE tenant_id = $1 AND received_at < now() - $2 * interval '1 day'
