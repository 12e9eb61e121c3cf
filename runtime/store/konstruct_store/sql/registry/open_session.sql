-- Open a leader's session. Numbers follow the clock, so that a restored database never gives one twice.
UPDATE konstruct.registry_state
SET session = greatest(session + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
RETURNING session
