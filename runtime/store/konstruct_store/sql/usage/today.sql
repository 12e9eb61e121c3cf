-- The present day in a time zone.
-- $1 time zone
SELECT (now() AT TIME ZONE $1)::date AS today
