-- People's files: what is known of them. The bytes are in the object store, under the same ids.

CREATE TABLE konstruct.media (
    tenant_id uuid NOT NULL,
    media_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    person_key text NOT NULL,
    source text NOT NULL CHECK (source IN ('Upload', 'Vendor')),
    vendor_key text NOT NULL DEFAULT '',
    -- Where it was said; null for an upload that was not sent yet.
    conversation_id uuid,
    item_id uuid,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint,
    sha256 text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('Waiting', 'Stored', 'Failed')),
    reason text NOT NULL DEFAULT '',
    -- What a document says, bounded; empty where it has no words.
    words text NOT NULL DEFAULT '',
    attempt integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    CHECK ((state = 'Waiting') = (settled_at IS NULL)),
    CHECK ((item_id IS NULL) = (conversation_id IS NULL)),
    PRIMARY KEY (tenant_id, media_id)
);
CREATE INDEX media_waiting ON konstruct.media (tenant_id, item_id) WHERE state = 'Waiting';
CREATE INDEX media_unsaid ON konstruct.media (tenant_id, created_at)
WHERE conversation_id IS NULL;
CREATE INDEX media_old ON konstruct.media (tenant_id, created_at) WHERE conversation_id IS NOT NULL;
SELECT konstruct.protect('konstruct.media');

-- What is to be fetched from a vendor: ids and times only.
-- due_at: when it may be tried (again); until: when it is given up.
CREATE TABLE konstruct.media_dispatch (
    tenant_id uuid NOT NULL,
    media_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, media_id)
);
CREATE INDEX media_dispatch_due ON konstruct.media_dispatch (due_at);
SELECT konstruct.keep_hot('konstruct.media_dispatch');

ALTER TABLE konstruct.inbox
ADD COLUMN media_until timestamptz,
ADD COLUMN gather_until timestamptz;
COMMENT ON COLUMN konstruct.inbox.media_until IS
'Until then its turn waits for its media; null: they are there, or there are none.';
COMMENT ON COLUMN konstruct.inbox.gather_until IS
'Until then its turn would wait for more messages; kept where it waits for media as well.';

GRANT SELECT, INSERT, UPDATE ON konstruct.media TO konstruct_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.media_dispatch TO konstruct_gateway;
GRANT SELECT ON konstruct.media TO konstruct_llm, konstruct_portal;
GRANT SELECT, DELETE ON konstruct.media, konstruct.media_dispatch TO konstruct_eraser;
