-- Remember the credentials that a connection's vendor took; every replica reads the tenant anew.
-- $1 tenant, $2 connection, $3 config, $4 sealed box
WITH state AS (
    UPDATE konstruct.registry_state
    SET version = version + 1
    RETURNING version
),

claim AS (
    UPDATE konstruct.registry_claims AS c
    SET version = s.version
    FROM state AS s
    WHERE c.tenant_id = $1
)

INSERT INTO konstruct.verified_credentials AS v (tenant_id, connection_id, config, sealed)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, connection_id) DO UPDATE SET
    config = excluded.config,
    sealed = excluded.sealed,
    verified_at = now()
