-- Record a vendor's receipt; it also settles a delivery whose sending was in doubt.
-- Receipts come in any order: a later one never says less than an earlier one.
-- $1 tenant, $2 connection, $3 vendor's id, $4 receipt, $5 refused, $6 reason
UPDATE konstruct.deliveries
SET
    receipt = CASE
        WHEN receipt = 'read' OR (receipt = 'delivered' AND $4 = 'sent') THEN receipt ELSE $4
    END,
    receipt_at = CASE
        WHEN receipt = 'read' OR (receipt IN ('delivered', $4) AND $4 IN ('sent', receipt))
            THEN receipt_at
        ELSE now()
    END,
    state = CASE
        WHEN $5::boolean AND state <> 'Withheld' THEN 'Refused'
        WHEN state IN ('Queued', 'Sending', 'Unknown') THEN 'Sent'
        ELSE state
    END,
    cause = CASE WHEN $5::boolean AND state <> 'Withheld' THEN 'Vendor' ELSE cause END,
    reason = CASE WHEN $5::boolean AND state <> 'Withheld' THEN $6 ELSE reason END,
    settled_at = coalesce(settled_at, now())
WHERE tenant_id = $1 AND connection_id = $2 AND vendor_id = $3
