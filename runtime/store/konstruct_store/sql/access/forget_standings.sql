-- Forget what vendors said of people who have not written for as long as conversations are kept.
-- $1 tenant, $2 days
DELETE FROM konstruct.standings
WHERE tenant_id = $1 AND asked_at < now() - $2 * interval '1 day'
