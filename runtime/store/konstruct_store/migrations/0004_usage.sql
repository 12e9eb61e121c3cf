-- What models cost: reservations before the call, the ledger after it. Money is integer micro-USD.

-- Budgets are checked here, under the row's lock. subject: '' for the tenant, else the id.
CREATE TABLE konstruct.usage_totals (
    tenant_id uuid NOT NULL,
    month date NOT NULL,
    scope text NOT NULL CHECK (scope IN ('Tenant', 'Agent', 'Person')),
    subject text NOT NULL,
    spent_micro_usd bigint NOT NULL DEFAULT 0 CHECK (spent_micro_usd >= 0),
    reserved_micro_usd bigint NOT NULL DEFAULT 0 CHECK (reserved_micro_usd >= 0),
    PRIMARY KEY (tenant_id, month, scope, subject)
);
SELECT konstruct.protect('konstruct.usage_totals');
SELECT konstruct.keep_hot('konstruct.usage_totals');

CREATE TABLE konstruct.usage_reservations (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    step_number integer NOT NULL,
    month date NOT NULL,
    agent_id uuid NOT NULL,
    person_id uuid NOT NULL,
    micro_usd bigint NOT NULL CHECK (micro_usd >= 0),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id)
);
CREATE INDEX usage_reservations_expiring ON konstruct.usage_reservations (tenant_id, expires_at);
CREATE INDEX usage_reservations_step
ON konstruct.usage_reservations (tenant_id, turn_id, step_number);
SELECT konstruct.protect('konstruct.usage_reservations');
SELECT konstruct.keep_hot('konstruct.usage_reservations');

CREATE TABLE konstruct.usage_ledger (
    tenant_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('Model', 'Embedding', 'Channel')),
    day date NOT NULL,
    agent_id uuid NOT NULL,
    person_id uuid,
    turn_id uuid,
    step_number integer,
    model text NOT NULL,
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    cost_micro_usd bigint NOT NULL CHECK (cost_micro_usd >= 0),
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, entry_id)
);
SELECT konstruct.protect('konstruct.usage_ledger');

-- The ledger summed by day, for pages: a month is a few hundred rows.
CREATE TABLE konstruct.usage_days (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    agent_id uuid NOT NULL,
    model text NOT NULL,
    calls bigint NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_micro_usd bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, day, agent_id, model)
);
SELECT konstruct.protect('konstruct.usage_days');
SELECT konstruct.keep_hot('konstruct.usage_days');

GRANT SELECT, INSERT, UPDATE ON konstruct.usage_totals, konstruct.usage_days
TO konstruct_llm, konstruct_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.usage_reservations TO konstruct_llm;
GRANT SELECT, UPDATE, DELETE ON konstruct.usage_reservations TO konstruct_gateway;
GRANT SELECT, INSERT ON konstruct.usage_ledger TO konstruct_llm, konstruct_gateway;
GRANT SELECT ON
konstruct.usage_totals, konstruct.usage_ledger, konstruct.usage_days, konstruct.usage_reservations
TO konstruct_portal;
GRANT SELECT, DELETE ON
konstruct.usage_totals, konstruct.usage_reservations, konstruct.usage_ledger, konstruct.usage_days
TO konstruct_eraser;
