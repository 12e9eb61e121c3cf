-- A model step's two transactions in one round trip each, where nothing is unusual: reserving its
-- budget, and journalling it with its cost. What is unusual (a lost turn, a recorded step, something
-- expired, a reached limit) changes nothing here, and is left to the statements of `sql/usage`.

-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 step, $6 time zone, $7 reservation,
-- $8 micro-USD, $9 seconds until it expires, $10 tenant's limit, $11 agent's, $12 person's
CREATE FUNCTION konstruct.reserve_at_once(
    uuid, uuid, integer, bytea, integer, text, uuid, bigint, double precision, bigint, bigint, bigint
) RETURNS TABLE (agent_id uuid, person_id uuid, month date)
LANGUAGE plpgsql SECURITY INVOKER
AS $$
#variable_conflict use_column
DECLARE
    held record;
    spent record;
    the_month date;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    SELECT t.agent_id, t.person_id
    INTO held
    FROM konstruct.turns AS t
    WHERE
        t.tenant_id = $1
        AND t.turn_id = $2
        AND t.state IN ('Queued', 'Claimed')
        AND t.attempt = $3
        AND $4 = any(t.token_hashes)
    FOR UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM konstruct.steps AS s
        WHERE s.tenant_id = $1 AND s.turn_id = $2 AND s.number = $5
    ) THEN
        RETURN;
    END IF;
    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject)
    VALUES ($1, date_trunc('month', now() AT TIME ZONE $6)::date, 'Tenant', '')
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET spent_micro_usd = t.spent_micro_usd
    RETURNING t.month INTO the_month;
    SELECT
        coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Tenant'), 0)::bigint
            AS tenant,
        coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Agent'), 0)::bigint
            AS agent,
        coalesce(sum(spent_micro_usd + reserved_micro_usd) FILTER (WHERE scope = 'Person'), 0)::bigint
            AS person,
        EXISTS (
            SELECT FROM konstruct.usage_reservations AS r
            WHERE r.tenant_id = $1 AND r.expires_at <= now()
        ) AS expired,
        EXISTS (
            SELECT FROM konstruct.usage_reservations AS r
            WHERE r.tenant_id = $1 AND r.turn_id = $2 AND r.step_number = $5
        ) AS repeated
    INTO spent
    FROM konstruct.usage_totals
    WHERE
        tenant_id = $1
        AND month = the_month
        AND (scope, subject) IN (
            ('Tenant', ''), ('Agent', held.agent_id::text), ('Person', held.person_id::text)
        );
    IF
        spent.expired
        OR spent.repeated
        OR coalesce(spent.tenant + $8 > $10, false)
        OR coalesce(spent.agent + $8 > $11, false)
        OR coalesce(spent.person + $8 > $12, false)
    THEN
        RETURN;
    END IF;
    WITH reservation AS (
        INSERT INTO konstruct.usage_reservations (
            tenant_id, reservation_id, turn_id, step_number, month, agent_id, person_id, micro_usd,
            expires_at
        )
        VALUES (
            $1, $7, $2, $5, the_month, held.agent_id, held.person_id, $8,
            now() + $9 * interval '1 second'
        )
    )

    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, reserved_micro_usd)
    VALUES
    ($1, the_month, 'Tenant', '', $8),
    ($1, the_month, 'Agent', held.agent_id::text, $8),
    ($1, the_month, 'Person', held.person_id::text, $8)
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
        reserved_micro_usd = t.reserved_micro_usd + excluded.reserved_micro_usd;
    RETURN QUERY SELECT held.agent_id, held.person_id, the_month;
END
$$;

-- $1 tenant, $2 turn, $3 attempt, $4 token hash, $5 number, $6 kind, $7 state, $8 name and model,
-- $9 request, $10 result, $11 time zone, $12 reservation, $13 agent, $14 person, $15 input tokens,
-- $16 output tokens, $17 micro-USD, $18 month it was reserved in
CREATE FUNCTION konstruct.settle_at_once(
    uuid, uuid, integer, bytea, integer, text, text, text, jsonb, jsonb, text, uuid, uuid, uuid,
    bigint, bigint, bigint, date
) RETURNS text
LANGUAGE plpgsql SECURITY INVOKER
AS $$
#variable_conflict use_column
DECLARE
    one record;
    verdict text;
BEGIN
    PERFORM set_config('konstruct.tenant', $1::text, true);
    FOR one IN
        WITH turn AS MATERIALIZED (
            SELECT t.turn_id, t.conversation_id, t.stop_requested
            FROM konstruct.turns AS t
            WHERE
                t.tenant_id = $1
                AND t.turn_id = $2
                AND t.state IN ('Queued', 'Claimed')
                AND t.attempt = $3
                AND $4 = any(t.token_hashes)
            FOR UPDATE
        ),

        step AS (
            INSERT INTO konstruct.steps AS s (
                tenant_id, turn_id, number, kind, state, name, request, result, attempt, done_at
            )
            SELECT
                $1, $2, $5, $6, $7, $8, $9, $10, $3, CASE WHEN $7 = 'Done' THEN now() END
            FROM turn
            ON CONFLICT (tenant_id, turn_id, number) DO UPDATE SET
                state = excluded.state,
                result = excluded.result,
                attempt = excluded.attempt,
                done_at = excluded.done_at
            WHERE s.state = 'Started' AND excluded.state = 'Done' AND s.kind = excluded.kind
            RETURNING s.number, s.kind, s.state, s.name, s.request, s.result
        ),

        counted AS (
            UPDATE konstruct.turns AS t
            SET step_count = t.step_count + 1
            FROM step
            WHERE t.tenant_id = $1 AND t.turn_id = $2
        )

        SELECT
            step.number, step.kind, step.state, step.name, step.request, step.result,
            CASE WHEN turn.stop_requested OR c.mode = 'Human' THEN 'Stop' ELSE 'Continue' END AS verdict
        FROM turn
        INNER JOIN konstruct.conversations AS c
            ON c.tenant_id = $1 AND c.conversation_id = turn.conversation_id
        LEFT JOIN step ON true
    LOOP
        IF one.number IS NULL THEN
            RETURN NULL;
        END IF;
        verdict := one.verdict;
    END LOOP;
    IF verdict IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject)
    VALUES ($1, date_trunc('month', now() AT TIME ZONE $11)::date, 'Tenant', '')
    ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET spent_micro_usd = t.spent_micro_usd;
    WITH entry AS (
        INSERT INTO konstruct.usage_ledger (
            tenant_id, entry_id, kind, day, agent_id, person_id, turn_id, step_number, model,
            input_tokens, output_tokens, cost_micro_usd
        )
        VALUES (
            $1, $12, 'Model', (now() AT TIME ZONE $11)::date, $13, $14, $2, $5, $8, $15, $16, $17
        )
        ON CONFLICT DO NOTHING
        RETURNING entry_id, day
    ),

    gone AS (
        DELETE FROM konstruct.usage_reservations AS r
        USING entry AS e
        WHERE r.tenant_id = $1 AND r.reservation_id = e.entry_id
        RETURNING r.micro_usd
    ),

    subjects AS (
        SELECT s.scope, s.subject, coalesce((SELECT g.micro_usd FROM gone AS g), 0) AS freed
        FROM entry
        CROSS JOIN LATERAL (
            VALUES ('Tenant', ''), ('Agent', $13::uuid::text), ('Person', $14::uuid::text)
        ) AS s (scope, subject)
        WHERE s.subject IS NOT NULL
    ),

    totals AS (
        INSERT INTO konstruct.usage_totals AS t (tenant_id, month, scope, subject, spent_micro_usd)
        SELECT $1, $18, scope, subject, $17 FROM subjects ORDER BY scope DESC
        ON CONFLICT (tenant_id, month, scope, subject) DO UPDATE SET
            spent_micro_usd = t.spent_micro_usd + $17,
            reserved_micro_usd = greatest(
                0, t.reserved_micro_usd - coalesce((SELECT max(s.freed) FROM subjects AS s), 0)
            )
    )

    INSERT INTO konstruct.usage_days AS d (
        tenant_id, day, agent_id, model, calls, input_tokens, output_tokens, cost_micro_usd
    )
    SELECT $1, e.day, $13, $8, 1, $15, $16, $17
    FROM entry AS e
    ON CONFLICT (tenant_id, day, agent_id, model) DO UPDATE SET
        calls = d.calls + 1,
        input_tokens = d.input_tokens + excluded.input_tokens,
        output_tokens = d.output_tokens + excluded.output_tokens,
        cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd;
    RETURN verdict;
END
$$;

REVOKE ALL ON FUNCTION
konstruct.reserve_at_once(
    uuid, uuid, integer, bytea, integer, text, uuid, bigint, double precision, bigint, bigint, bigint
),
konstruct.settle_at_once(
    uuid, uuid, integer, bytea, integer, text, text, text, jsonb, jsonb, text, uuid, uuid, uuid,
    bigint, bigint, bigint, date
)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
konstruct.reserve_at_once(
    uuid, uuid, integer, bytea, integer, text, uuid, bigint, double precision, bigint, bigint, bigint
),
konstruct.settle_at_once(
    uuid, uuid, integer, bytea, integer, text, text, text, jsonb, jsonb, text, uuid, uuid, uuid,
    bigint, bigint, bigint, date
)
TO konstruct_llm;
