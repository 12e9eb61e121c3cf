-- When a connection's latest reply was taken by its vendor, if it is among the tenant's latest.
-- $1 tenant, $2 connection, $3 how many deliveries to look through
SELECT max(latest.settled_at) AS at
FROM (
    SELECT
        d.connection_id,
        d.settled_at,
        d.state
    FROM konstruct.deliveries AS d
    WHERE d.tenant_id = $1
    ORDER BY d.delivery_id DESC
    LIMIT $3
) AS latest
WHERE latest.connection_id = $2 AND latest.state = 'Sent'
