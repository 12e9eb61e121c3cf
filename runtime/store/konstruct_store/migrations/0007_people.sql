-- People in charge: commands, feedback, and conversations that a human has.

-- What was said up to here is no part of a later turn's window: the person started over.
ALTER TABLE konstruct.conversations ADD COLUMN fresh_after bigint NOT NULL DEFAULT 0;

-- Only a change of mode touches it.
CREATE INDEX conversations_with_human ON konstruct.conversations (tenant_id, conversation_id)
WHERE mode = 'Human';

-- What a person thinks of a turn's reply: one value per person and turn, the last one.
CREATE TABLE konstruct.feedback (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    person_key text NOT NULL,
    value text NOT NULL CHECK (value IN ('up', 'down')),
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, turn_id, person_key)
);
SELECT konstruct.protect('konstruct.feedback');

COMMENT ON COLUMN konstruct.deliveries.turn_id IS
'The turn; for what no turn said, the id of the notice or of the human''s reply.';

GRANT SELECT, INSERT, UPDATE ON konstruct.feedback TO konstruct_gateway;
GRANT SELECT ON konstruct.feedback TO konstruct_portal;
GRANT SELECT, DELETE ON konstruct.feedback TO konstruct_eraser;
