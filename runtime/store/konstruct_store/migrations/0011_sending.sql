-- Sending: what became of each delivery and why, sending again, and fairness between connections.

-- held: attempts that brought the vendor nothing; they are no tries.
-- insisted: an operator wants it sent even where the vendor cannot be asked about an earlier try.
-- cause: why it was refused, for programs; `reason` is the vendor's word.
-- about_turn_id: it is the word to the person that a turn's reply could not be sent.
-- tried_since: since when it is tried, by which it is given up; sent_again: how often an operator
-- wanted it sent again; closed_at: an operator has seen that it was not sent, and leaves it.
ALTER TABLE konstruct.deliveries
ADD COLUMN held integer NOT NULL DEFAULT 0,
ADD COLUMN insisted boolean NOT NULL DEFAULT false,
ADD COLUMN cause text NOT NULL DEFAULT '' CHECK (
    cause IN ('', 'Content', 'Credentials', 'Connection', 'GaveUp', 'Vendor')
),
ADD COLUMN about_turn_id uuid,
ADD COLUMN tried_since timestamptz,
ADD COLUMN receipt_at timestamptz,
ADD COLUMN sent_again integer NOT NULL DEFAULT 0,
ADD COLUMN closed_at timestamptz;

-- A predicate that always holds keeps an index out of look-ups of what is open.
CREATE INDEX deliveries_of_conversation
ON konstruct.deliveries (tenant_id, conversation_id, seq, part)
WHERE queued_at > '-infinity';
CREATE INDEX deliveries_undelivered
ON konstruct.deliveries (tenant_id, settled_at)
WHERE state IN ('Refused', 'Unknown') AND closed_at IS NULL;
CREATE UNIQUE INDEX deliveries_one_word ON konstruct.deliveries (tenant_id, about_turn_id)
WHERE about_turn_id IS NOT NULL;

ALTER TABLE konstruct.dead_letters ADD COLUMN closed_at timestamptz;
CREATE INDEX dead_letters_open ON konstruct.dead_letters (tenant_id, died_at)
WHERE replayed_at IS NULL AND closed_at IS NULL;

CREATE INDEX inbox_expired ON konstruct.inbox (tenant_id, settled_at)
WHERE disposition = 'Expired';

-- The connection says whose turn it is: each tenant's, and in it each connection's, in rotation.
ALTER TABLE konstruct.delivery_dispatch
ADD COLUMN connection_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
DROP INDEX konstruct.delivery_dispatch_due;
CREATE INDEX delivery_dispatch_due
ON konstruct.delivery_dispatch (tenant_id, connection_id, due_at);

-- What waits and what was not delivered, of some tenants: with the reader's own rights.
CREATE FUNCTION konstruct.sending_of(tenants uuid [])
RETURNS TABLE (state text, waiting bigint, oldest timestamptz)
LANGUAGE plpgsql SECURITY INVOKER
AS $$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY
            SELECT d.state, count(*), min(d.queued_at)
            FROM konstruct.deliveries AS d
            WHERE d.tenant_id = tenant AND d.state IN ('Queued', 'Sending')
            GROUP BY d.state
            UNION ALL
            SELECT d.state, count(*), min(d.settled_at)
            FROM konstruct.deliveries AS d
            WHERE
                d.tenant_id = tenant
                AND d.state IN ('Refused', 'Unknown')
                AND d.closed_at IS NULL
            GROUP BY d.state
            UNION ALL
            SELECT 'Dead', count(*), min(l.died_at)
            FROM konstruct.dead_letters AS l
            WHERE l.tenant_id = tenant AND l.replayed_at IS NULL AND l.closed_at IS NULL
            HAVING count(*) > 0;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$$;
REVOKE ALL ON FUNCTION konstruct.sending_of(uuid []) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION konstruct.sending_of(uuid []) TO konstruct_gateway;
