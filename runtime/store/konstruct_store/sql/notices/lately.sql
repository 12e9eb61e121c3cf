-- What a conversation's person heard of late: the last answer, the last notice of a kind, and
-- whether something new is on its way to a vendor. The conversation is locked.
-- $1 tenant, $2 conversation, $3 how many entries, $4 code of the notice, $5 on its way after seq
SELECT
    coalesce(max(r.seq) FILTER (WHERE r.kind IN ('Reply', 'Ask')), 0) AS answered,
    coalesce(max(r.seq) FILTER (WHERE r.kind = 'Notice'), 0) AS noticed,
    coalesce(max(r.seq) FILTER (WHERE r.kind = 'Notice' AND r.payload ->> 'code' = $4), 0) AS said,
    EXISTS (
        SELECT FROM konstruct.deliveries AS d
        WHERE
            d.tenant_id = $1
            AND d.conversation_id = $2
            AND (d.state = 'Drafting' OR (d.state IN ('Queued', 'Sending') AND d.seq > $5))
    ) AS sending
FROM (
    SELECT l.seq, l.kind, l.payload
    FROM konstruct.log AS l
    WHERE l.tenant_id = $1 AND l.conversation_id = $2
    ORDER BY l.seq DESC
    LIMIT $3
) AS r
