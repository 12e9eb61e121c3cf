-- What a turn is about, in a transaction of its own and one round trip; see check_turn.sql.
-- $1 tenant, $2 turn, $3 attempt, $4 token hash
SELECT
    agent_id, person_id, conversation_id, agent_revision, stop_requested,
    connection_id, conversation_key, mode, person_key
FROM konstruct.turn_at_once($1, $2, $3, $4)
