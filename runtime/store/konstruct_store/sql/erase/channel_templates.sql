-- Erase some of a tenant's rows of channel_templates.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.channel_templates
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.channel_templates AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
