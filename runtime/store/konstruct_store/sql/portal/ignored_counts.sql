-- How many of a connection's deliveries were ignored lately, by reason. Ids rise with time, so the
-- key itself bounds what is read.
-- $1 tenant, $2 connection, $3 the id at which the time begins
SELECT
    reason,
    known,
    count(*) AS counted,
    max(at) AS last_at
FROM konstruct.ignored_items
WHERE tenant_id = $1 AND item_id >= $3 AND connection_id = $2
GROUP BY reason, known
ORDER BY known, counted DESC, reason
