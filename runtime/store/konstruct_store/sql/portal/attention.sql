-- How much of a tenant needs a person's eye.
-- $1 tenant, $2 expired within so many days
SELECT
    (
        SELECT count(*) FROM konstruct.deliveries
        WHERE tenant_id = $1 AND state = 'Refused' AND closed_at IS NULL
    ) AS refused,
    (
        SELECT count(*) FROM konstruct.deliveries
        WHERE tenant_id = $1 AND state = 'Unknown' AND closed_at IS NULL
    ) AS unknown,
    (
        SELECT count(*) FROM konstruct.dead_letters
        WHERE tenant_id = $1 AND replayed_at IS NULL AND closed_at IS NULL
    ) AS dead,
    (
        SELECT count(*) FROM konstruct.conversations
        WHERE tenant_id = $1 AND mode = 'Human'
    ) AS with_human,
    (
        SELECT count(*) FROM konstruct.deliveries
        WHERE tenant_id = $1 AND state IN ('Queued', 'Sending')
    ) AS waiting,
    (
        SELECT count(*) FROM konstruct.inbox
        WHERE
            tenant_id = $1
            AND disposition = 'Expired'
            AND settled_at > now() - $2 * interval '1 day'
    ) AS expired
