-- Count one attempt under a key; a window that is over begins anew.
-- $1 key, $2 window seconds
INSERT INTO konstruct.portal_attempts AS a (key, counted, since)
VALUES ($1, 1, now())
ON CONFLICT (key) DO UPDATE SET
    counted = CASE
        WHEN a.since <= now() - $2 * interval '1 second' THEN 1 ELSE a.counted + 1
    END,
    since = CASE WHEN a.since <= now() - $2 * interval '1 second' THEN now() ELSE a.since END
RETURNING counted
