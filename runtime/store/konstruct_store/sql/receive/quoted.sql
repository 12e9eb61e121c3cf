-- What messages that a person answers said: ours by the vendor's id, people's by their key.
-- Only within the person's own conversation: an id from elsewhere says nothing.
-- $1 tenant, $2 connection, $3 conversation keys, $4 vendor's ids, $5 dedupe keys, all of a row
SELECT q.n, coalesce(ours.text, theirs.text) AS text
FROM (
    SELECT c.conversation_id, w.n, w.vendor_id, w.key
    FROM
        unnest($3::text [], $4::text [], $5::text []) WITH ORDINALITY
        AS w (conversation_key, vendor_id, key, n)
    INNER JOIN konstruct.conversations AS c
        ON
            c.tenant_id = $1
            AND c.connection_id = $2
            AND c.conversation_key = w.conversation_key
) AS q
LEFT JOIN LATERAL (
    SELECT d.text
    FROM konstruct.deliveries AS d
    WHERE
        d.tenant_id = $1
        AND d.connection_id = $2
        AND d.vendor_id = q.vendor_id
        AND d.conversation_id = q.conversation_id
    LIMIT 1
) AS ours ON true
LEFT JOIN LATERAL (
    SELECT l.payload ->> 'text' AS text
    FROM konstruct.dedupe_keys AS k
    INNER JOIN konstruct.inbox AS i ON i.tenant_id = $1 AND i.item_id = k.item_id
    INNER JOIN konstruct.log AS l
        ON l.tenant_id = $1 AND l.conversation_id = i.conversation_id AND l.seq = i.seq
    WHERE
        k.tenant_id = $1
        AND k.connection_id = $2
        AND k.key = q.key
        AND i.conversation_id = q.conversation_id
    LIMIT 1
) AS theirs ON true
