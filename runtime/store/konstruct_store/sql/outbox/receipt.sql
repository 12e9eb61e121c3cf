-- Record a vendor's receipt; it also settles a delivery whose sending was in doubt.
-- $1 tenant, $2 connection, $3 vendor's id, $4 receipt, $5 refused
UPDATE konstruct.deliveries
SET
    receipt = $4,
    state = CASE
        WHEN $5::boolean AND state <> 'Withheld' THEN 'Refused'
        WHEN state IN ('Sending', 'Unknown') THEN 'Sent'
        ELSE state
    END,
    settled_at = coalesce(settled_at, now())
WHERE tenant_id = $1 AND connection_id = $2 AND vendor_id = $3
