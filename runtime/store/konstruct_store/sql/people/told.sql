-- What was said under an id that no turn has, among the last entries.
-- $1 tenant, $2 conversation, $3 id
SELECT r.seq, r.kind, r.payload, r.at, r.turn_id
FROM (
    SELECT *
    FROM konstruct.log
    WHERE tenant_id = $1 AND conversation_id = $2
    ORDER BY seq DESC
    LIMIT 1000
) AS r
WHERE r.payload ->> 'id' = $3
LIMIT 1
