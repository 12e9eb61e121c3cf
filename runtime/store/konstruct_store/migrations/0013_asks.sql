-- Questions with choices: what may be chosen, in which conversation, and until when.

CREATE TABLE konstruct.asks (
    tenant_id uuid NOT NULL,
    ask_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    seq bigint NOT NULL,
    part integer NOT NULL,
    choices jsonb NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, ask_id),
    UNIQUE (tenant_id, turn_id)
);
SELECT konstruct.protect('konstruct.asks');
COMMENT ON COLUMN konstruct.asks.part IS 'The part of the reply that offers the choices.';
COMMENT ON TABLE konstruct.asks IS
'A question is answered once: its dedupe key says by whom, and the log what was chosen.';

GRANT SELECT, INSERT ON konstruct.asks TO konstruct_gateway;
GRANT SELECT ON konstruct.asks TO konstruct_portal;
GRANT SELECT, DELETE ON konstruct.asks TO konstruct_eraser;
