-- The message path: conversations, inbox, dispatch, turns with their journal, the log.
--
-- There are no foreign keys: their checks bypass row-level security, and every row here is written
-- by a named transition that holds the conversation's locks.

CREATE TABLE konstruct.conversations (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    conversation_key text NOT NULL,
    agent_id uuid NOT NULL,
    agent_name text NOT NULL,
    person_id uuid NOT NULL,
    person_key text NOT NULL,
    person_name text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    mode text NOT NULL DEFAULT 'Agent' CHECK (mode IN ('Agent', 'Human')),
    last_seq bigint NOT NULL DEFAULT 0,
    begun_at timestamptz NOT NULL DEFAULT now(),
    active_at timestamptz NOT NULL DEFAULT now(),
    -- Coarse on purpose: within one hour, updates touch no index.
    active_hour timestamptz NOT NULL DEFAULT date_trunc('hour', now(), 'UTC'),
    PRIMARY KEY (tenant_id, conversation_id),
    UNIQUE (tenant_id, connection_id, conversation_key)
);
-- Predicates that always hold keep an index out of look-ups by key, where it would only tie.
CREATE INDEX conversations_recent
ON konstruct.conversations (tenant_id, active_hour, conversation_id)
WHERE begun_at > '-infinity';
SELECT konstruct.protect('konstruct.conversations');
SELECT konstruct.keep_hot('konstruct.conversations');

-- Every acknowledged item and its one disposition. What was said lies in the log, at the same seq.
CREATE TABLE konstruct.inbox (
    tenant_id uuid NOT NULL,
    item_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('Message', 'Choice', 'System')),
    person_id uuid,
    turn_id uuid,
    replays_turn_id uuid,
    disposition text CHECK (
        disposition IN ('Answered', 'Ignored', 'Silenced', 'Dead', 'Expired', 'Erased')
    ),
    reason text NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    CHECK ((disposition IS NULL) = (settled_at IS NULL)),
    PRIMARY KEY (tenant_id, item_id),
    UNIQUE (tenant_id, conversation_id, seq)
) WITH (fillfactor = 85);
CREATE INDEX inbox_pending ON konstruct.inbox (tenant_id, conversation_id, seq)
WHERE disposition IS NULL;
CREATE INDEX inbox_received ON konstruct.inbox (tenant_id, received_at) WHERE kind <> 'System';
SELECT konstruct.protect('konstruct.inbox');

-- All the names under which a message may come again; kept longer than any vendor retries.
CREATE TABLE konstruct.dedupe_keys (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    key text NOT NULL,
    item_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, key)
);
CREATE INDEX dedupe_keys_received ON konstruct.dedupe_keys (tenant_id, received_at);
SELECT konstruct.protect('konstruct.dedupe_keys');

CREATE TABLE konstruct.ignored_items (
    tenant_id uuid NOT NULL,
    item_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    reason text NOT NULL,
    known boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, item_id)
);
SELECT konstruct.protect('konstruct.ignored_items');

-- The hot row of a conversation: ids and times only; its own columns decide who may claim.
-- opened_at: since when something waits for an answer (null: nothing does).
-- due_at: when it may be claimed (null: parked, or nothing waits); lease_until: while claimed.
CREATE TABLE konstruct.dispatch (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    turn_id uuid,
    opened_at timestamptz,
    due_at timestamptz,
    lease_until timestamptz,
    active_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id)
);
CREATE INDEX dispatch_due ON konstruct.dispatch (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX dispatch_open ON konstruct.dispatch (opened_at) WHERE opened_at IS NOT NULL;
CREATE INDEX dispatch_leased ON konstruct.dispatch (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX dispatch_active ON konstruct.dispatch (tenant_id, active_at)
WHERE active_at > '-infinity';
CREATE INDEX dispatch_idle ON konstruct.dispatch (active_at) WHERE opened_at IS NULL;
SELECT konstruct.keep_hot('konstruct.dispatch');

-- The agent as it was when turns were frozen with it, once per revision.
CREATE TABLE konstruct.agent_revisions (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    revision text NOT NULL,
    snapshot jsonb NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, revision)
);
SELECT konstruct.protect('konstruct.agent_revisions');

-- One turn. Messages and window are frozen as ranges of the conversation's append-only log.
CREATE TABLE konstruct.turns (
    tenant_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    agent_revision text NOT NULL,
    tenant jsonb NOT NULL,
    language text NOT NULL DEFAULT '',
    person_id uuid,
    replays_turn_id uuid,
    state text NOT NULL CHECK (state IN ('Queued', 'Claimed', 'Answered', 'Dead', 'Cancelled')),
    attempt integer NOT NULL,
    strikes integer NOT NULL DEFAULT 0,
    claim_id uuid,
    token_hashes bytea [] NOT NULL DEFAULT '{}',
    pod text NOT NULL DEFAULT '',
    boot_id uuid,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    window_from bigint,
    window_to bigint,
    step_count integer NOT NULL DEFAULT 0,
    steps_at_claim integer NOT NULL DEFAULT 0,
    stop_requested boolean NOT NULL DEFAULT false,
    opened_at timestamptz NOT NULL,
    claimed_at timestamptz,
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    disposition text,
    reason text NOT NULL DEFAULT '',
    reply_id uuid,
    reply_seq bigint,
    CHECK ((state IN ('Queued', 'Claimed')) = (settled_at IS NULL)),
    PRIMARY KEY (tenant_id, turn_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX turns_one_open ON konstruct.turns (tenant_id, conversation_id)
WHERE state IN ('Queued', 'Claimed');
CREATE UNIQUE INDEX turns_claim ON konstruct.turns (tenant_id, claim_id) WHERE state = 'Claimed';
CREATE INDEX turns_held ON konstruct.turns (tenant_id, pod) WHERE state = 'Claimed';
CREATE INDEX turns_of_conversation ON konstruct.turns (tenant_id, conversation_id, first_seq)
WHERE first_seq > 0;
CREATE INDEX turns_answered ON konstruct.turns (tenant_id, settled_at) WHERE state = 'Answered';
SELECT konstruct.protect('konstruct.turns');

CREATE TABLE konstruct.steps (
    tenant_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('Model', 'Tool')),
    state text NOT NULL CHECK (state IN ('Started', 'Done')),
    name text NOT NULL DEFAULT '',
    request jsonb NOT NULL,
    result jsonb NOT NULL,
    attempt integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    PRIMARY KEY (tenant_id, turn_id, number)
);
SELECT konstruct.protect('konstruct.steps');

-- What was said, in order; sockets read it. Only ever appended to.
CREATE TABLE konstruct.log (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('Said', 'Reply', 'Notice', 'Ask', 'Marker')),
    payload jsonb NOT NULL,
    turn_id uuid,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, seq)
);
CREATE UNIQUE INDEX log_one_reply ON konstruct.log (tenant_id, turn_id) WHERE kind = 'Reply';
SELECT konstruct.protect('konstruct.log');

CREATE TABLE konstruct.dead_letters (
    tenant_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    died_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz,
    PRIMARY KEY (tenant_id, turn_id)
);
CREATE INDEX dead_letters_died ON konstruct.dead_letters (tenant_id, died_at);
SELECT konstruct.protect('konstruct.dead_letters');

GRANT SELECT, INSERT, UPDATE ON
konstruct.conversations, konstruct.inbox, konstruct.turns, konstruct.steps, konstruct.dead_letters
TO konstruct_gateway;
GRANT SELECT, INSERT ON
konstruct.log, konstruct.agent_revisions, konstruct.ignored_items
TO konstruct_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.dispatch, konstruct.dedupe_keys
TO konstruct_gateway;

GRANT SELECT ON konstruct.conversations, konstruct.turns, konstruct.steps TO konstruct_llm;
GRANT SELECT (tenant_id, received_at, kind) ON konstruct.inbox TO konstruct_llm;
GRANT INSERT ON konstruct.steps TO konstruct_llm;
GRANT UPDATE (state, result, attempt, done_at) ON konstruct.steps TO konstruct_llm;
GRANT UPDATE (step_count) ON konstruct.turns TO konstruct_llm;

GRANT SELECT ON
konstruct.conversations, konstruct.inbox, konstruct.turns, konstruct.steps, konstruct.log,
konstruct.dead_letters, konstruct.ignored_items
TO konstruct_portal;

GRANT SELECT, DELETE ON
konstruct.conversations, konstruct.inbox, konstruct.dedupe_keys, konstruct.ignored_items,
konstruct.dispatch, konstruct.agent_revisions, konstruct.turns, konstruct.steps, konstruct.log,
konstruct.dead_letters
TO konstruct_eraser;
