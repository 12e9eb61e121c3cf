-- How many conversations wait for an agent, of all tenants, and since when the first of them does.
SELECT
    count(*) AS waiting,
    coalesce(extract(epoch FROM now() - min(opened_at)), 0)::double precision AS oldest_seconds
FROM konstruct.dispatch
WHERE opened_at > '-infinity' AND due_at <= now()
