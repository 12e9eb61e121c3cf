-- Take a tenant out of the registry; with Erase, its content is deleted later, for certain.
-- $1 tenant, $2 session, $3 sequence, $4 erase
WITH state AS (
    UPDATE konstruct.registry_state
    SET
        version = greatest(
            version + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
        ),
        reports_version = reports_version + 1
    RETURNING version
),

parked AS (
    UPDATE konstruct.dispatch
    SET due_at = NULL
    WHERE tenant_id = $1 AND due_at IS NOT NULL AND turn_id IS NULL
),

told AS (
    DELETE FROM konstruct.registry_reports AS r WHERE r.tenant_id = $1
)

UPDATE konstruct.registry_claims AS c
SET
    state = CASE WHEN $4::boolean THEN 'Erasing' ELSE 'Buried' END,
    session = $2,
    sequence = $3,
    version = s.version,
    digest = '',
    suspended = true,
    buried_at = now()
FROM state AS s
WHERE c.tenant_id = $1
