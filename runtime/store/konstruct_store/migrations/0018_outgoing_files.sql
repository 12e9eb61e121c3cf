-- Who sends a delivery, so that a dead replica's are taken over soon; files that agents make.
-- oldest-program: 15

-- Both are set by whoever claims. They speak of the present claim only while due_at is leased_until:
-- whatever else moves due_at (an end, a pause, a program that knows nothing of replicas) ends that.
ALTER TABLE konstruct.delivery_dispatch
ADD COLUMN replica_id uuid,
ADD COLUMN leased_until timestamptz;
CREATE INDEX delivery_dispatch_held ON konstruct.delivery_dispatch (replica_id)
WHERE replica_id IS NOT NULL;

-- A file is a delivery of its own, behind the texts of its reply.
ALTER TABLE konstruct.deliveries
ADD COLUMN media_id uuid,
DROP CONSTRAINT deliveries_part_check,
ADD CONSTRAINT deliveries_part_check CHECK (part BETWEEN 0 AND 999);
COMMENT ON COLUMN konstruct.deliveries.media_id IS 'The file that it is; null: it is a text.';

-- What an agent made belongs to its turn, and is said where the turn's reply is.
ALTER TABLE konstruct.media
ADD COLUMN turn_id uuid,
DROP CONSTRAINT media_source_check,
ADD CONSTRAINT media_source_check CHECK (source IN ('Upload', 'Vendor', 'Made')),
DROP CONSTRAINT media_check1,
ADD CONSTRAINT media_check1 CHECK (
    source = 'Made' OR (item_id IS NULL) = (conversation_id IS NULL)
),
ADD CONSTRAINT media_made_check CHECK ((source = 'Made') = (turn_id IS NOT NULL));
CREATE INDEX media_made ON konstruct.media (tenant_id, turn_id) WHERE turn_id IS NOT NULL;
