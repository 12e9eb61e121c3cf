-- Lock the dispatch rows of the turns that a pod's boot holds, or its boots before this one.
-- $1 tenant, $2 boot (null: any), $3 pod (null: any), $4 a boot to leave alone (null: none)
SELECT d.conversation_id, d.turn_id
FROM konstruct.turns AS t
INNER JOIN konstruct.dispatch AS d
    ON d.tenant_id = t.tenant_id AND d.conversation_id = t.conversation_id
WHERE
    t.tenant_id = $1
    AND t.state = 'Claimed'
    AND d.turn_id = t.turn_id
    AND ($2::uuid IS NULL OR t.boot_id = $2)
    AND ($3::text IS NULL OR t.pod = $3)
    AND ($4::uuid IS NULL OR t.boot_id IS DISTINCT FROM $4)
ORDER BY d.conversation_id
FOR UPDATE OF d
