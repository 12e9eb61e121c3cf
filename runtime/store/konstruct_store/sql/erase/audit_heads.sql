-- Erase some of a tenant's rows of audit_heads.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.audit_heads
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.audit_heads AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
