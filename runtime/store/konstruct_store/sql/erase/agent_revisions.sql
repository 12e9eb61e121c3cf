-- Erase some of a tenant's rows of agent_revisions.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.agent_revisions
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.agent_revisions AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
