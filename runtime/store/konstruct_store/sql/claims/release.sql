-- Give turns back at once, without a strike. Their dispatch rows are locked.
-- Attempt and token stay: whoever gave them back may still complete until somebody claims them.
-- $1 tenant, $2 turns, $3 boot (null: any), $4 a boot to leave alone (null: none)
WITH turn AS (
    UPDATE konstruct.turns
    SET state = 'Queued', claim_id = NULL
    WHERE
        tenant_id = $1
        AND turn_id = any($2::uuid [])
        AND state = 'Claimed'
        AND ($3::uuid IS NULL OR boot_id = $3)
        AND ($4::uuid IS NULL OR boot_id IS DISTINCT FROM $4)
    RETURNING turn_id, conversation_id
)

UPDATE konstruct.dispatch AS d
SET due_at = now(), lease_until = NULL
FROM turn
WHERE
    d.tenant_id = $1 AND d.conversation_id = turn.conversation_id AND d.turn_id = turn.turn_id
RETURNING d.turn_id
