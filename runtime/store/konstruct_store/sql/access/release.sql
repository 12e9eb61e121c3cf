-- A message waits no longer: it was received, or refused.
-- $1 tenant, $2 id
DELETE FROM konstruct.held_messages
WHERE tenant_id = $1 AND held_id = $2
