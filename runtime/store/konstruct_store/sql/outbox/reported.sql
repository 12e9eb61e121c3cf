-- Whether the vendor itself has said what became of this very message of the present attempt.
-- $1 tenant, $2 delivery, $3 attempt, $4 vendor's id
SELECT true
FROM konstruct.deliveries
WHERE
    tenant_id = $1
    AND delivery_id = $2
    AND attempt = $3
    AND (vendor_id = $4 OR $4 = any(lost_ids))
