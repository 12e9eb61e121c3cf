-- Record what a program learnt; only news raises the reports' version.
-- $1 tenant, $2 kind, $3 name, $4 condition, $5 digest, $6 status, $7 reason, $8 message, $9 version
WITH report AS (
    INSERT INTO konstruct.registry_reports AS r (
        tenant_id, kind, name, condition, digest, status, reason, message, version
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant_id, kind, name, condition) DO UPDATE SET
        digest = excluded.digest,
        status = excluded.status,
        reason = excluded.reason,
        message = excluded.message,
        version = excluded.version,
        at = now()
    WHERE
        (r.digest, r.status, r.reason, r.message, r.version)
        IS DISTINCT FROM (
            excluded.digest, excluded.status, excluded.reason, excluded.message, excluded.version
        )
    RETURNING r.tenant_id
)

UPDATE konstruct.registry_state
SET reports_version = reports_version + 1
WHERE EXISTS (SELECT FROM report)
