-- A reply in the making that a vendor already shows: its delivery exists before the turn is settled.

ALTER TABLE konstruct.deliveries
DROP CONSTRAINT deliveries_state_check,
ADD CONSTRAINT deliveries_state_check CHECK (
    state IN ('Drafting', 'Queued', 'Sending', 'Sent', 'Refused', 'Unknown', 'Withheld')
),
-- A draft takes part 0; what is withheld behind it moves up by one.
DROP CONSTRAINT deliveries_part_check,
ADD CONSTRAINT deliveries_part_check CHECK (part BETWEEN 0 AND 64),
ADD COLUMN drafted boolean NOT NULL DEFAULT false,
ADD COLUMN draft_attempt integer NOT NULL DEFAULT 0,
ADD COLUMN shown text NOT NULL DEFAULT '',
ADD COLUMN held_until timestamptz;

COMMENT ON COLUMN konstruct.deliveries.drafted IS
'The vendor may show a message of it that began before the reply was recorded.';
COMMENT ON COLUMN konstruct.deliveries.draft_attempt IS
'The attempt of the turn that writes the draft: an earlier one writes no more.';
COMMENT ON COLUMN konstruct.deliveries.shown IS
'SHA-256 of the text that the draft shows in full, if that is known.';
COMMENT ON COLUMN konstruct.deliveries.held_until IS
'Until then a call that begins the draft may be under way: asking the vendor would not be decisive.';
