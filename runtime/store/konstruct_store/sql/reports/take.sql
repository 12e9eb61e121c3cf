-- Record what a vendor says became of deliveries. A later word never says less than an earlier one,
-- and what arrived cannot fail any more. Rows are locked where more than the receipt may change.
-- $1 tenant, $2 [{delivery_id, vendor_id, receipt, outcome, cause, reason, pause, category,
-- billable}]; outcome is empty, or what a failure makes of the delivery: Refused, Held or Queued;
-- $3 deliveries that were not settled: what follows them is due
WITH told AS (
    SELECT t.*
    FROM jsonb_to_recordset($2::jsonb) AS t (
        delivery_id uuid, vendor_id text, receipt text, outcome text, cause text, reason text,
        pause float8, category text, billable boolean
    )
),

changed AS (
    UPDATE konstruct.deliveries AS d
    SET
        receipt = CASE
            WHEN t.outcome IN ('Held', 'Queued') THEN ''
            WHEN array_position('{"",sent,delivered,read,failed}'::text [], t.receipt)
                > array_position('{"",sent,delivered,read,failed}'::text [], d.receipt) THEN t.receipt
            ELSE d.receipt
        END,
        receipt_at = CASE
            WHEN array_position('{"",sent,delivered,read,failed}'::text [], t.receipt)
                > array_position('{"",sent,delivered,read,failed}'::text [], d.receipt) THEN now()
            ELSE d.receipt_at
        END,
        vendor_id = CASE
            WHEN t.outcome NOT IN ('Held', 'Queued') THEN coalesce(d.vendor_id, t.vendor_id)
        END,
        lost_ids = CASE
            WHEN t.outcome IN ('Held', 'Queued') THEN d.lost_ids || t.vendor_id ELSE d.lost_ids
        END,
        state = CASE
            WHEN t.outcome = 'Held' AND c.window_ends_at > now() THEN 'Queued'
            WHEN t.outcome <> '' THEN t.outcome
            WHEN d.state IN ('Queued', 'Sending', 'Unknown', 'Refused') THEN 'Sent'
            ELSE d.state
        END,
        cause = CASE WHEN t.outcome = 'Held' AND c.window_ends_at > now() THEN '' ELSE t.cause END,
        reason = CASE
            WHEN t.outcome = 'Queued' OR (t.outcome = 'Held' AND c.window_ends_at > now())
                THEN 'NotSent'
            ELSE t.reason
        END,
        held = d.held + CASE WHEN t.outcome IN ('Held', 'Queued') THEN 1 ELSE 0 END,
        settled_at = CASE
            WHEN t.outcome NOT IN ('Held', 'Queued') THEN coalesce(d.settled_at, now())
        END,
        charge_category = coalesce(nullif(t.category, ''), d.charge_category),
        billable = coalesce(t.billable, d.billable)
    FROM told AS t, konstruct.conversations AS c
    WHERE
        d.tenant_id = $1
        AND d.delivery_id = t.delivery_id
        AND c.tenant_id = $1
        AND c.conversation_id = d.conversation_id
        AND d.state NOT IN ('Withheld', 'Held')
        AND d.receipt <> 'failed'
        AND (t.outcome = '' OR d.receipt NOT IN ('delivered', 'read'))
        AND t.vendor_id <> ALL(d.lost_ids)
    RETURNING
        d.delivery_id, d.conversation_id, c.connection_id, d.turn_id, d.seq, d.about_turn_id,
        d.vendor_id, d.state, d.receipt, d.cause, d.reason, d.attempt, d.charge_category,
        d.billable, c.agent_id, c.person_id, c.conversation_key, c.language, t.outcome,
        t.pause * 2 ^ least(d.attempt, 7) AS pause
),

outgoing AS (
    INSERT INTO konstruct.delivery_dispatch AS d (
        tenant_id, conversation_id, connection_id, due_at
    )
    SELECT $1, h.conversation_id, min(h.connection_id::text)::uuid,
        now() + min(least(600, coalesce(h.pause, 0))) * interval '1 second'
    FROM changed AS h
    WHERE h.state = 'Queued'
    GROUP BY h.conversation_id
    ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET due_at = excluded.due_at
),

next AS (
    UPDATE konstruct.delivery_dispatch AS d
    SET due_at = now()
    FROM changed AS h
    WHERE
        d.tenant_id = $1
        AND d.conversation_id = h.conversation_id
        AND h.state <> 'Queued'
        AND h.delivery_id = any($3::uuid [])
)

SELECT * FROM changed
