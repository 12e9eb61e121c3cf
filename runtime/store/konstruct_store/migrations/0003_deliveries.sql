-- What goes out to vendors: one delivery per reply part, in order per conversation.

CREATE TABLE konstruct.deliveries (
    tenant_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    part integer NOT NULL CHECK (part BETWEEN 0 AND 63),
    seq bigint NOT NULL,
    text text NOT NULL,
    state text NOT NULL CHECK (
        state IN ('Queued', 'Sending', 'Sent', 'Refused', 'Unknown', 'Withheld')
    ),
    attempt integer NOT NULL DEFAULT 0,
    vendor_id text,
    receipt text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    queued_at timestamptz NOT NULL DEFAULT now(),
    sending_at timestamptz,
    settled_at timestamptz,
    PRIMARY KEY (tenant_id, delivery_id),
    UNIQUE (tenant_id, turn_id, part)
) WITH (fillfactor = 85);
CREATE INDEX deliveries_open ON konstruct.deliveries (tenant_id, conversation_id, seq, part)
WHERE state IN ('Queued', 'Sending');
CREATE INDEX deliveries_vendor ON konstruct.deliveries (tenant_id, connection_id, vendor_id)
WHERE vendor_id IS NOT NULL;
SELECT konstruct.protect('konstruct.deliveries');

-- The hot row of a conversation with something to send: ids and times only.
CREATE TABLE konstruct.delivery_dispatch (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id)
);
CREATE INDEX delivery_dispatch_due ON konstruct.delivery_dispatch (due_at);
SELECT konstruct.keep_hot('konstruct.delivery_dispatch');

GRANT SELECT, INSERT, UPDATE ON konstruct.deliveries TO konstruct_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.delivery_dispatch TO konstruct_gateway;
GRANT SELECT ON konstruct.deliveries TO konstruct_portal;
GRANT SELECT, DELETE ON konstruct.deliveries, konstruct.delivery_dispatch TO konstruct_eraser;
