-- What a connection could not send: its credentials, the connection itself or a long outage.
-- $1 tenant, $2 connection, $3 limit
SELECT delivery_id, attempt
FROM konstruct.deliveries
WHERE
    tenant_id = $1
    AND connection_id = $2
    AND state = 'Refused'
    AND closed_at IS NULL
    AND cause IN ('Credentials', 'Connection', 'GaveUp')
ORDER BY settled_at
LIMIT $3
