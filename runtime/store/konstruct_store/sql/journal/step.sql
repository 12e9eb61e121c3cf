-- One journalled step.
-- $1 tenant, $2 turn, $3 number
SELECT number, kind, state, name, request, result
FROM konstruct.steps
WHERE tenant_id = $1 AND turn_id = $2 AND number = $3
