-- Erase some of a tenant's rows of feedback.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.feedback
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.feedback AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
