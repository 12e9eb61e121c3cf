-- Who may write: what is known of people, whom it was told that they may not, and what waits until
-- it is known.

-- What a person is to the workspace of a connection, as its vendor said; asked again after a while.
CREATE TABLE konstruct.standings (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    person_key text NOT NULL,
    standing text NOT NULL CHECK (standing IN ('Member', 'Guest', 'Stranger', 'Unknown')),
    language text NOT NULL DEFAULT '',
    asked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, person_key)
);
SELECT konstruct.protect('konstruct.standings');
COMMENT ON COLUMN konstruct.standings.standing IS
'Unknown: the vendor was asked and does not say; taken for a guest.';

-- A person who may not write is told so once per connection, in this conversation.
CREATE TABLE konstruct.refusals (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    person_key text NOT NULL,
    conversation_id uuid NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, person_key)
);
CREATE INDEX refusals_of_conversation ON konstruct.refusals (tenant_id, conversation_id);
SELECT konstruct.protect('konstruct.refusals');

-- Messages that are acknowledged and wait until it is known who wrote them.
CREATE TABLE konstruct.held_messages (
    tenant_id uuid NOT NULL,
    held_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    hold_key text NOT NULL,
    conversation_key text NOT NULL,
    person_key text NOT NULL,
    payload jsonb NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, held_id),
    UNIQUE (tenant_id, connection_id, hold_key)
);
CREATE INDEX held_messages_of_conversation
ON konstruct.held_messages (tenant_id, connection_id, conversation_key);
SELECT konstruct.protect('konstruct.held_messages');
COMMENT ON COLUMN konstruct.held_messages.hold_key IS
'The message''s own dedupe key: its twin and its repetition wait as one.';

GRANT SELECT, INSERT, UPDATE ON konstruct.standings TO konstruct_gateway;
GRANT SELECT, INSERT ON konstruct.refusals TO konstruct_gateway;
GRANT SELECT, INSERT, DELETE ON konstruct.held_messages TO konstruct_gateway;
GRANT SELECT ON konstruct.refusals TO konstruct_portal;
GRANT SELECT, DELETE ON konstruct.standings, konstruct.refusals, konstruct.held_messages
TO konstruct_eraser;
