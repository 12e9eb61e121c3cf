-- By which names a channel knows a person: a number, a user id, or both; they change.
-- oldest-program: 15

-- The conversation is called by the name that the person is written to by, see `names.move`.
CREATE TABLE konstruct.person_names (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    name text NOT NULL,
    conversation_key text NOT NULL,
    known_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, name)
);
CREATE INDEX person_names_of_conversation
ON konstruct.person_names (tenant_id, connection_id, conversation_key);
SELECT konstruct.protect('konstruct.person_names');

GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.person_names TO konstruct_gateway;
GRANT SELECT, DELETE ON konstruct.person_names TO konstruct_eraser;
