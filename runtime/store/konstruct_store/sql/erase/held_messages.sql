-- Erase some of a tenant's rows of held_messages.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.held_messages
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.held_messages AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
