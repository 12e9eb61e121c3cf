-- Remember which text a draft shows in full, if no later attempt has it.
-- $1 tenant, $2 delivery, $3 attempt of the turn, $4 SHA-256 of the text
UPDATE konstruct.deliveries
SET shown = $4
WHERE
    tenant_id = $1
    AND delivery_id = $2
    AND draft_attempt = $3
    AND state IN ('Drafting', 'Queued')
