-- How much each connection could not send at all: it goes out again with one click.
-- $1 tenant
SELECT connection_id, count(*) AS refused
FROM konstruct.deliveries
WHERE
    tenant_id = $1
    AND state = 'Refused'
    AND closed_at IS NULL
    AND cause IN ('Credentials', 'Connection', 'GaveUp')
GROUP BY connection_id
