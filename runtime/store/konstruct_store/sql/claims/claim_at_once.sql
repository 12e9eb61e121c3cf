-- Claim a new turn in a transaction of its own and one round trip; see lock_due, open and frozen.
-- It waits for no flush: whatever is done with the turn commits after it, and flushes both.
-- No row: nothing is due. A row without a turn: something is unusual, and nothing has changed.
-- $1 tenant, $2 claim, $3 agents that may begin turns, $4 turn, $5 pod, $6 boot, $7 token hash,
-- $8 lease seconds, $9 the agents' revisions, $10 their window turns, $11 their languages,
-- $12 tenant's excerpt
SELECT turn_id, conversation_id, attempt, opened_at, tenant, language, agent, messages, recent, steps, more
FROM konstruct.claim_at_once($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
