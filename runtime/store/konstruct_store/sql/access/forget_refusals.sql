-- Forget who was turned away in conversations that are gone. Where one is still there, the refusal
-- says that it was none with the agent.
-- $1 tenant, $2 days
DELETE FROM konstruct.refusals AS r
WHERE
    r.tenant_id = $1
    AND r.at < now() - $2 * interval '1 day'
    AND NOT EXISTS (
        SELECT
        FROM konstruct.conversations AS c
        WHERE c.tenant_id = $1 AND c.conversation_id = r.conversation_id
    )
