-- What is stored of every live tenant.
SELECT tenant_id, name, uid, digest
FROM konstruct.registry_claims
WHERE state = 'Live'
ORDER BY name
