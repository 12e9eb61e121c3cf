-- Audit rows after a number, in order, with their payloads where they were not erased.
-- $1 tenant, $2 after number, $3 limit
SELECT a.number, a.at, a.actor, a.action, a.subjects, a.digest, a.hash, p.salt, p.payload
FROM konstruct.audit AS a
LEFT JOIN konstruct.audit_payload AS p
    ON p.tenant_id = a.tenant_id AND p.number = a.number
WHERE a.tenant_id = $1 AND a.number > $2
ORDER BY a.number
LIMIT $3
