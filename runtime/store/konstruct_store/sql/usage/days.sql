-- Usage by day, agent and model between two days.
-- $1 tenant, $2 first day, $3 day after the last
SELECT day, agent_id, model, calls, input_tokens, output_tokens, cost_micro_usd
FROM konstruct.usage_days
WHERE tenant_id = $1 AND day >= $2 AND day < $3
ORDER BY day, agent_id, model
