-- Erase some of a tenant's rows of conversations.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.conversations
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.conversations AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
