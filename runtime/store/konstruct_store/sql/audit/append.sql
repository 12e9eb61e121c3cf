-- Append one audit row to the tenant's chain. The head's lock is the transaction's last.
-- $1 tenant, $2 actor, $3 action, $4 subjects, $5 digest, $6 salt, $7 payload
WITH head AS (
    INSERT INTO konstruct.audit_heads AS h (tenant_id, number, hash)
    VALUES ($1, 1, konstruct.audit_hash(''::bytea, $1, 1, now(), $2, $3, $4, $5))
    ON CONFLICT (tenant_id) DO UPDATE SET
        number = h.number + 1,
        hash = konstruct.audit_hash(h.hash, $1, h.number + 1, now(), $2, $3, $4, $5)
    RETURNING number, hash
),

line AS (
    INSERT INTO konstruct.audit (
        tenant_id, number, at, actor, action, subjects, digest, hash
    )
    SELECT $1, number, now(), $2, $3, $4, $5, hash
    FROM head
)

INSERT INTO konstruct.audit_payload (tenant_id, number, salt, payload)
SELECT $1, number, $6, $7
FROM head
