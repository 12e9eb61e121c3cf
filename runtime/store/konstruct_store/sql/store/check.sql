-- What a program checks at its start.
-- The schema's version and the oldest program it serves (read so that a schema from before there was
-- such a column answers, too), whether this is a read-write primary, and what binds the log-in.
SELECT
    coalesce((SELECT max(m.number) FROM konstruct.migrations AS m), 0) AS schema_version,
    coalesce(
        (
            SELECT max(coalesce((to_jsonb(m) ->> 'oldest_program')::integer, m.number))
            FROM konstruct.migrations AS m
        ),
        0
    ) AS oldest_program,
    pg_is_in_recovery() AS in_recovery,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    current_setting('synchronous_commit') AS synchronous_commit,
    r.rolsuper OR r.rolbypassrls AS bypasses,
    r.rolname AS log_in
FROM pg_roles AS r
WHERE r.rolname = current_user
