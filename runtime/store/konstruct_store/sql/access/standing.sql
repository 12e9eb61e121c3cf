-- What is known of a person, if it is not too old, and whether something waits in a conversation.
-- $1 tenant, $2 connection, $3 person key, $4 conversation key, $5 oldest in seconds
SELECT
    (
        SELECT s.standing
        FROM konstruct.standings AS s
        WHERE
            s.tenant_id = $1 AND s.connection_id = $2 AND s.person_key = $3
            AND s.asked_at > now() - $5 * interval '1 second'
    ) AS standing,
    (
        SELECT s.language
        FROM konstruct.standings AS s
        WHERE s.tenant_id = $1 AND s.connection_id = $2 AND s.person_key = $3
    ) AS language,
    EXISTS (
        SELECT
        FROM konstruct.held_messages AS h
        WHERE h.tenant_id = $1 AND h.connection_id = $2 AND h.conversation_key = $4
    ) AS waits
