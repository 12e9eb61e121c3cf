-- Remember under which id the vendor has a delivery that is still being sent.
-- $1 tenant, $2 delivery, $3 attempt, $4 vendor's id
UPDATE konstruct.deliveries
SET vendor_id = $4
WHERE tenant_id = $1 AND delivery_id = $2 AND attempt = $3 AND state = 'Sending'
