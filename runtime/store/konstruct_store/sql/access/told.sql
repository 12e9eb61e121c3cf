-- Whether a person was told already that they may not write.
-- $1 tenant, $2 connection, $3 person key
SELECT EXISTS (
    SELECT
    FROM konstruct.refusals AS r
    WHERE r.tenant_id = $1 AND r.connection_id = $2 AND r.person_key = $3
)
