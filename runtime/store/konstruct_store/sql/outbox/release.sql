-- Let what dead replicas were sending be due: nobody works on it, and whoever takes it asks first.
-- A claim's end or pause moved due_at away from leased_until, and is left alone.
-- $1 seconds without a word after which a replica is dead
UPDATE konstruct.delivery_dispatch AS d
SET due_at = now(), replica_id = NULL, leased_until = NULL
WHERE
    d.replica_id = any(
        ARRAY(
            SELECT r.replica_id
            FROM konstruct.replicas AS r
            WHERE r.seen_at <= now() - $1 * interval '1 second'
        )
    )
    AND d.due_at = d.leased_until
    AND d.due_at > now()
RETURNING d.tenant_id, d.conversation_id
