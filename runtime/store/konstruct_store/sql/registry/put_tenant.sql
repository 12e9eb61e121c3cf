-- Store one pushed tenant under a new version, and wake or park what waits for its agents.
-- An older holder of the same name is superseded: names are unique in a cluster.
-- $1 tenant, $2 name, $3 uid, $4 digest, $5 session, $6 sequence, $7 suspended, $8 snapshot,
-- $9 agents that work
WITH state AS (
    UPDATE konstruct.registry_state
    SET version = greatest(
        version + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
    )
    RETURNING version
),

superseded AS (
    UPDATE konstruct.registry_claims AS c
    SET state = 'Buried', suspended = true, buried_at = now(), version = s.version
    FROM state AS s
    WHERE c.name = $2 AND c.tenant_id <> $1 AND c.state = 'Live'
),

claim AS (
    INSERT INTO konstruct.registry_claims (
        tenant_id, name, uid, digest, session, sequence, version, state, suspended
    )
    SELECT $1, $2, $3, $4, $5, $6, s.version, 'Live', $7
    FROM state AS s
    ON CONFLICT (tenant_id) DO UPDATE SET
        uid = excluded.uid,
        digest = excluded.digest,
        session = excluded.session,
        sequence = excluded.sequence,
        version = excluded.version,
        state = 'Live',
        suspended = excluded.suspended,
        buried_at = NULL
),

snapshot AS (
    INSERT INTO konstruct.registry_snapshots (tenant_id, snapshot)
    VALUES ($1, $8)
    ON CONFLICT (tenant_id) DO UPDATE SET snapshot = excluded.snapshot
),

woken AS (
    UPDATE konstruct.dispatch
    SET due_at = now(), opened_at = now()
    WHERE
        tenant_id = $1
        AND opened_at IS NOT NULL
        AND due_at IS NULL
        AND turn_id IS NULL
        AND agent_id = any($9::uuid [])
),

parked AS (
    UPDATE konstruct.dispatch
    SET due_at = NULL
    WHERE
        tenant_id = $1
        AND due_at IS NOT NULL
        AND turn_id IS NULL
        AND NOT agent_id = any($9::uuid [])
)

SELECT version FROM state
