-- Erase some of a tenant's rows of audit_payload.
-- $1 tenant, $2 most rows
DELETE FROM konstruct.audit_payload
WHERE
    tenant_id = $1
    AND ctid = any(ARRAY(
        SELECT e.ctid FROM konstruct.audit_payload AS e WHERE e.tenant_id = $1 LIMIT $2
    ))
