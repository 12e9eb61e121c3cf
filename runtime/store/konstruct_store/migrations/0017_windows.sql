-- Windows in which a vendor takes words of ours, templates that reopen them, what messages cost.
-- oldest-program: 15

-- window_ends_at: until then the vendor takes words of ours; null: it has no such window.
-- reopened_at: a template asked the person to write again, and the person has not written since.
ALTER TABLE konstruct.conversations
ADD COLUMN window_ends_at timestamptz,
ADD COLUMN reopened_at timestamptz;

-- Held: kept until the person writes, because the vendor takes nothing but templates until then.
-- template: it is this one, and not words of ours.
-- lost_ids: the vendor's ids of attempts that it took and certainly did not deliver.
-- charge_category, billable: under what the vendor charges it; empty and null until it says so.
ALTER TABLE konstruct.deliveries
ADD COLUMN template jsonb,
ADD COLUMN lost_ids text [] NOT NULL DEFAULT '{}',
ADD COLUMN charge_category text NOT NULL DEFAULT '',
ADD COLUMN billable boolean,
DROP CONSTRAINT deliveries_state_check,
ADD CONSTRAINT deliveries_state_check CHECK (
    state IN ('Drafting', 'Queued', 'Sending', 'Held', 'Sent', 'Refused', 'Unknown', 'Withheld')
),
DROP CONSTRAINT deliveries_cause_check,
ADD CONSTRAINT deliveries_cause_check CHECK (
    cause IN ('', 'Content', 'Credentials', 'Connection', 'GaveUp', 'Vendor', 'Window')
);
CREATE INDEX deliveries_held ON konstruct.deliveries (tenant_id, conversation_id)
WHERE state = 'Held';

-- priced: the connection says what a message of the category costs; else the cost is not known.
ALTER TABLE konstruct.usage_ledger
ADD COLUMN delivery_id uuid,
ADD COLUMN category text NOT NULL DEFAULT '',
ADD COLUMN billable boolean,
ADD COLUMN priced boolean NOT NULL DEFAULT true;

-- The templates of a connection's account as its vendor listed them last.
CREATE TABLE konstruct.channel_templates (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    name text NOT NULL,
    language text NOT NULL,
    state text NOT NULL,
    category text NOT NULL DEFAULT '',
    quality text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '',
    listed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id, name, language)
);
SELECT konstruct.protect('konstruct.channel_templates');
GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.channel_templates TO konstruct_gateway;
GRANT SELECT ON konstruct.channel_templates TO konstruct_portal;
GRANT SELECT, DELETE ON konstruct.channel_templates TO konstruct_eraser;

CREATE OR REPLACE FUNCTION konstruct.sending_of(tenants uuid [])
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
            SELECT d.state, count(*), min(d.queued_at)
            FROM konstruct.deliveries AS d
            WHERE d.tenant_id = tenant AND d.state = 'Held'
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
