-- A platform some months old: 1,000 tenants, 100,000 conversations, a million log entries.
-- Nearly all of it settled; a few conversations of each tenant are open.

CREATE FUNCTION pg_temp.made_id(kind text, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE
RETURN md5(kind || number)::uuid;

CREATE TEMPORARY TABLE tenant AS
SELECT n, pg_temp.made_id('tenant', n) AS id FROM generate_series(1, 1000) AS n;

CREATE TEMPORARY TABLE conversation AS
SELECT
    t.id AS tenant_id, pg_temp.made_id('conversation', t.n * 100 + c) AS id, t.n * 100 + c AS n
FROM tenant AS t
CROSS JOIN generate_series(0, 99) AS c;

CREATE TEMPORARY TABLE turn AS
SELECT
    c.tenant_id, c.id AS conversation_id, c.n * 5 + k AS n, k,
    pg_temp.made_id('turn', c.n * 5 + k) AS id,
    now() - (c.n % 90) * interval '1 day' - (5 - k) * interval '1 minute' AS at
FROM conversation AS c
CROSS JOIN generate_series(0, 4) AS k;

INSERT INTO konstruct.registry_claims (
    tenant_id, name, uid, session, sequence, version, state
)
SELECT id, 'tenant-' || n, 'uid-' || n, 1, n, n, 'Live' FROM tenant;

INSERT INTO konstruct.registry_snapshots (tenant_id, snapshot)
SELECT id, '{}' FROM tenant;

INSERT INTO konstruct.conversations (
    tenant_id, conversation_id, connection_id, conversation_key, agent_id, agent_name, person_id,
    person_key, last_seq, begun_at, active_at, active_hour
)
SELECT
    tenant_id, id, pg_temp.made_id('connection', n / 100), 'key-' || n,
    pg_temp.made_id('agent', n / 100), 'Ana', pg_temp.made_id('person', n), 'visitor:' || n, 10,
    now() - interval '100 days', now() - (n % 90) * interval '1 day',
    date_trunc('hour', now() - (n % 90) * interval '1 day', 'UTC')
FROM conversation;

INSERT INTO konstruct.log (tenant_id, conversation_id, seq, kind, payload, turn_id, at)
SELECT
    t.tenant_id, t.conversation_id, t.k * 2 + side + 1,
    CASE side WHEN 0 THEN 'Said' ELSE 'Reply' END,
    '{"id": "m", "text": "What somebody said, some words long.", "name": "Vera"}',
    CASE side WHEN 1 THEN t.id END, t.at
FROM turn AS t
CROSS JOIN generate_series(0, 1) AS side;

INSERT INTO konstruct.inbox (
    tenant_id, item_id, conversation_id, seq, kind, turn_id, disposition, received_at, settled_at
)
SELECT
    tenant_id, pg_temp.made_id('item', n), conversation_id, k * 2 + 1, 'Message', id, 'Answered',
    at, at
FROM turn;

INSERT INTO konstruct.dedupe_keys (tenant_id, connection_id, key, item_id, received_at)
SELECT
    tenant_id, pg_temp.made_id('connection', n / 500), 'key-' || n, pg_temp.made_id('item', n), at
FROM turn
WHERE n % 2 = 0;

INSERT INTO konstruct.turns (
    tenant_id, turn_id, conversation_id, agent_id, agent_revision, tenant, state, attempt,
    claim_id, first_seq, last_seq, opened_at, settled_at, settled_by, disposition
)
SELECT
    tenant_id, id, conversation_id, pg_temp.made_id('agent', n / 500), 'r1', '{}', 'Answered', 1,
    pg_temp.made_id('claim', n), k * 2 + 1, k * 2 + 1, at, at, 'agent', 'Answered'
FROM turn;

INSERT INTO konstruct.agent_revisions (tenant_id, agent_id, revision, snapshot)
SELECT t.id, pg_temp.made_id('agent', t.n), 'r' || r, '{}'
FROM tenant AS t
CROSS JOIN generate_series(1, 20) AS r;

INSERT INTO konstruct.steps (
    tenant_id, turn_id, number, kind, state, request, result, attempt, done_at
)
SELECT tenant_id, id, 0, 'Model', 'Done', '{}', '{"message": {"content": "x"}}', 1, at
FROM turn
WHERE n % 2 = 0;

INSERT INTO konstruct.deliveries (
    tenant_id, delivery_id, conversation_id, connection_id, turn_id, part, seq, text, state,
    attempt, vendor_id, queued_at, settled_at
)
SELECT
    tenant_id, pg_temp.made_id('delivery', n), conversation_id,
    pg_temp.made_id('connection', n / 500), id, 0, k * 2 + 2, 'A reply.', 'Sent', 1, 'v' || n, at,
    at
FROM turn
WHERE n % 2 = 0;

INSERT INTO konstruct.usage_ledger (
    tenant_id, entry_id, kind, day, agent_id, turn_id, step_number, model, input_tokens,
    output_tokens, cost_micro_usd, at
)
SELECT
    tenant_id, pg_temp.made_id('entry', n), 'Model', at::date,
    pg_temp.made_id('agent', n / 500), id, 0, 'demo', 100, 10, 50, at
FROM turn
WHERE n % 2 = 0;

INSERT INTO konstruct.usage_days (tenant_id, day, agent_id, model, calls)
SELECT t.id, (now() - d * interval '1 day')::date, pg_temp.made_id('agent', t.n), 'demo', 9
FROM tenant AS t
CROSS JOIN generate_series(0, 89) AS d;

INSERT INTO konstruct.usage_totals (tenant_id, month, scope, subject, spent_micro_usd)
SELECT tenant_id, date_trunc('month', now())::date, 'Person', id::text, 100 FROM conversation;

INSERT INTO konstruct.usage_reservations (
    tenant_id, reservation_id, turn_id, step_number, month, agent_id, person_id, micro_usd,
    expires_at
)
SELECT
    tenant_id, pg_temp.made_id('reservation', n), id, 0, at::date,
    pg_temp.made_id('agent', n / 500), id, 10, now() + interval '5 minutes'
FROM turn
WHERE n % 50 = 0;

INSERT INTO konstruct.audit (tenant_id, number, at, actor, action, subjects, digest, hash)
SELECT tenant_id, (n % 500) / 2 + 1, at, 'agent', 'TurnAnswered', '{}', '\x00', '\x00'
FROM turn
WHERE n % 2 = 0;

INSERT INTO konstruct.audit_payload (tenant_id, number, salt, payload)
SELECT tenant_id, number, '\x00', '{}' FROM konstruct.audit;

INSERT INTO konstruct.audit_heads (tenant_id, number, hash)
SELECT id, 250, '\x00' FROM tenant;

INSERT INTO konstruct.ignored_items (tenant_id, item_id, connection_id, reason, known, at)
SELECT tenant_id, id, pg_temp.made_id('connection', n / 500), 'BotMessage', true, at
FROM turn
WHERE n % 10 = 0;

-- Most were closed long ago: the index of the open ones is smaller than that of all.
INSERT INTO konstruct.dead_letters (
    tenant_id, turn_id, conversation_id, agent_id, reason, attempts, closed_at
)
SELECT tenant_id, id, conversation_id, id, 'DeadlinePassed', 1, CASE WHEN n % 250 > 0 THEN now() END
FROM turn
WHERE n % 25 = 0;

INSERT INTO konstruct.registry_reports (
    tenant_id, kind, name, condition, digest, status, reason, message
)
SELECT t.id, 'ChannelConnection', 'c' || c, 'Receiving', 'd', 'True', 'Received', 'ok'
FROM tenant AS t
CROSS JOIN generate_series(1, 20) AS c;

-- Recently active conversations: mostly idle, some due, some claimed.
INSERT INTO konstruct.dispatch (
    tenant_id, conversation_id, agent_id, turn_id, opened_at, due_at, lease_until, active_at
)
SELECT
    tenant_id, id, pg_temp.made_id('agent', n / 100),
    CASE WHEN n % 100 = 1 THEN pg_temp.made_id('open', n) END,
    CASE WHEN n % 100 < 3 THEN now() END,
    CASE WHEN n % 100 < 3 THEN now() END,
    CASE WHEN n % 100 = 1 THEN now() + interval '15 seconds' END,
    now() - (n % 40) * interval '1 hour'
FROM conversation
WHERE n % 100 < 40;

INSERT INTO konstruct.delivery_dispatch (tenant_id, conversation_id, due_at)
SELECT tenant_id, id, now() + (n % 60) * interval '1 second' FROM conversation WHERE n % 4 = 0;

INSERT INTO konstruct.portal_users (user_id, email, password_hash, role)
SELECT pg_temp.made_id('user', n), 'u' || n || '@example.com', 'x', 'operator'
FROM generate_series(1, 20000) AS n;

INSERT INTO konstruct.portal_sessions (token_hash, session_id, user_id)
SELECT sha256(n::text::bytea), pg_temp.made_id('session', n), pg_temp.made_id('user', n)
FROM generate_series(1, 20000) AS n;

INSERT INTO konstruct.portal_attempts (key, counted, since)
SELECT 'key-' || n, 1, now() FROM generate_series(1, 20000) AS n;
