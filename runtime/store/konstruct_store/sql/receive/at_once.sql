-- Receive items in a transaction of their own, in one round trip; see receive.sql.
-- $1 tenant, $2 exclusive, $3 items
SELECT n, open, accepted, partly, conversation_id, seq, silenced, refused
FROM konstruct.receive_at_once($1, $2, $3)
ORDER BY n
