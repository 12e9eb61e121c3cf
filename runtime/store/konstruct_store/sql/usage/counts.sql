-- How many messages came and how many turns were answered between two days.
-- $1 tenant, $2 first day, $3 day after the last, $4 time zone
SELECT
    (
        SELECT count(*)
        FROM konstruct.inbox AS i
        WHERE
            i.tenant_id = $1
            AND i.received_at >= $2::date::timestamp AT TIME ZONE $4
            AND i.received_at < $3::date::timestamp AT TIME ZONE $4
            AND i.kind <> 'System'
    ) AS messages,
    (
        SELECT count(*)
        FROM konstruct.turns AS t
        WHERE
            t.tenant_id = $1
            AND t.settled_at >= $2::date::timestamp AT TIME ZONE $4
            AND t.settled_at < $3::date::timestamp AT TIME ZONE $4
            AND t.state = 'Answered'
    ) AS answers
