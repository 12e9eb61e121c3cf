-- Let a message wait until it is known who wrote it. A row comes back when it is new.
-- Nothing is kept for a tenant that is being erased.
-- $1 tenant, $2 connection, $3 id, $4 hold key, $5 conversation key, $6 person key, $7 payload
WITH gate AS (
    SELECT NOT coalesce(bool_or(c.state IN ('Erasing', 'Erased')), false) AS open
    FROM konstruct.registry_claims AS c
    WHERE c.tenant_id = $1
),

held AS (
    INSERT INTO konstruct.held_messages (
        tenant_id, held_id, connection_id, hold_key, conversation_key, person_key, payload
    )
    SELECT $1, $3, $2, $4, $5, $6, $7
    FROM gate
    WHERE gate.open
    ON CONFLICT (tenant_id, connection_id, hold_key) DO NOTHING
    RETURNING held_id
)

SELECT gate.open, (SELECT count(*) > 0 FROM held) AS fresh
FROM gate
