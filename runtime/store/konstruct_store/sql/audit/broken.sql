-- The rows of a tenant's chain that do not follow from the row before, and a head that lags.
-- $1 tenant
WITH chain AS (
    SELECT
        a.number,
        a.hash,
        coalesce(lag(a.number) OVER w, 0) AS previous_number,
        konstruct.audit_hash(
            coalesce(lag(a.hash) OVER w, ''::bytea),
            $1, a.number, a.at, a.actor, a.action, a.subjects, a.digest
        ) AS expected
    FROM konstruct.audit AS a
    WHERE a.tenant_id = $1
    WINDOW w AS (ORDER BY a.number)
)

SELECT number FROM chain WHERE hash <> expected OR number <> previous_number + 1
UNION ALL
SELECT h.number
FROM konstruct.audit_heads AS h
WHERE
    h.tenant_id = $1
    AND NOT EXISTS (
        SELECT FROM konstruct.audit AS a
        WHERE a.tenant_id = $1 AND a.number = h.number AND a.hash = h.hash
    )
ORDER BY number
