-- Whether a message at the vendor is one that we sent.
-- $1 tenant, $2 connection, $3 vendor's id
SELECT true
FROM konstruct.deliveries
WHERE tenant_id = $1 AND connection_id = $2 AND vendor_id = $3
LIMIT 1
