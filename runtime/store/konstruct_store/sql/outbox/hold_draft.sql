-- Keep the reply back while a call that replaces the draft is under way; no row once it is recorded.
-- $1 tenant, $2 delivery, $3 attempt of the turn, $4 seconds
UPDATE konstruct.deliveries
SET held_until = now() + $4 * interval '1 second'
WHERE tenant_id = $1 AND delivery_id = $2 AND draft_attempt = $3 AND state = 'Drafting'
