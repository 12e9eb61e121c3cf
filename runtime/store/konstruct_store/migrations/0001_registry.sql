-- The group roles, the schema's helpers and the registry.

-- Roles belong to the whole server: another database's migration may be making the same ones now.
DO $$
DECLARE
    program text;
BEGIN
    FOREACH program IN ARRAY ARRAY['konstruct_gateway', 'konstruct_llm', 'konstruct_portal', 'konstruct_eraser'] LOOP
        BEGIN
            EXECUTE format(
                'CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', program
            );
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    -- Deleting audit rows takes an explicit SET ROLE inside the erasing transaction.
    EXECUTE 'GRANT konstruct_eraser TO konstruct_gateway WITH INHERIT FALSE, SET TRUE';
    EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

REVOKE ALL ON SCHEMA konstruct FROM PUBLIC;
GRANT USAGE ON SCHEMA konstruct
TO konstruct_gateway, konstruct_llm, konstruct_portal, konstruct_eraser;
GRANT SELECT ON konstruct.migrations TO konstruct_gateway, konstruct_llm, konstruct_portal;

-- Protect a table with tenant content: rows of one tenant at a time, for its owner too.
CREATE FUNCTION konstruct.protect(target regclass) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    -- A pooled session is left with '' after a transaction that had set the tenant.
    EXECUTE format(
        'CREATE POLICY tenant ON %s'
        ' USING (tenant_id = nullif(current_setting(''konstruct.tenant'', true), '''')::uuid)'
        ' WITH CHECK (tenant_id = nullif(current_setting(''konstruct.tenant'', true), '''')::uuid)',
        target
    );
END
$$;
REVOKE ALL ON FUNCTION konstruct.protect(regclass) FROM PUBLIC;

-- A hot table: rows are updated all the time, so pages keep room and vacuum comes early.
CREATE FUNCTION konstruct.keep_hot(target regclass) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'ALTER TABLE %s SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,'
        ' autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0,'
        ' autovacuum_analyze_scale_factor = 0.05)',
        target
    );
END
$$;
REVOKE ALL ON FUNCTION konstruct.keep_hot(regclass) FROM PUBLIC;

-- One row: the leader's session and the versions that replicas poll. No tenant content.
CREATE TABLE konstruct.registry_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    session bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    reports_version bigint NOT NULL DEFAULT 0
);
SELECT konstruct.keep_hot('konstruct.registry_state');
INSERT INTO konstruct.registry_state DEFAULT VALUES;

-- Who holds a tenant id: the route from ids to tenants. It outlives the tenant. No tenant content.
CREATE TABLE konstruct.registry_claims (
    tenant_id uuid PRIMARY KEY,
    name text NOT NULL,
    uid text NOT NULL,
    digest text NOT NULL DEFAULT '',
    session bigint NOT NULL,
    sequence bigint NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('Live', 'Buried', 'Erasing', 'Erased')),
    suspended boolean NOT NULL DEFAULT false,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    buried_at timestamptz,
    erased_at timestamptz,
    erased_items bigint
);
CREATE INDEX registry_claims_version ON konstruct.registry_claims (version);
CREATE INDEX registry_claims_erasing ON konstruct.registry_claims (buried_at)
WHERE state = 'Erasing';

CREATE TABLE konstruct.registry_snapshots (
    tenant_id uuid PRIMARY KEY,
    snapshot jsonb NOT NULL
);
SELECT konstruct.protect('konstruct.registry_snapshots');

CREATE TABLE konstruct.registry_reports (
    tenant_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('Tenant', 'Agent', 'ChannelConnection')),
    name text NOT NULL,
    condition text NOT NULL,
    digest text NOT NULL,
    status text NOT NULL CHECK (status IN ('True', 'False', 'Unknown')),
    reason text NOT NULL,
    message text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, kind, name, condition)
);
SELECT konstruct.protect('konstruct.registry_reports');

-- The registry is read for all tenants: one tenant after the other, with the reader's own rights.
CREATE FUNCTION konstruct.snapshots_of(tenants uuid []) RETURNS SETOF konstruct.registry_snapshots
LANGUAGE plpgsql SECURITY INVOKER
AS $$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY SELECT s.* FROM konstruct.registry_snapshots AS s WHERE s.tenant_id = tenant;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$$;

CREATE FUNCTION konstruct.reports_of(tenants uuid []) RETURNS SETOF konstruct.registry_reports
LANGUAGE plpgsql SECURITY INVOKER
AS $$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY SELECT r.* FROM konstruct.registry_reports AS r WHERE r.tenant_id = tenant;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$$;
REVOKE ALL ON FUNCTION konstruct.snapshots_of(uuid []), konstruct.reports_of(uuid []) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION konstruct.snapshots_of(uuid []), konstruct.reports_of(uuid [])
TO konstruct_gateway, konstruct_llm, konstruct_portal;

-- Where each replica of the gateway can be reached. No tenant content.
CREATE TABLE konstruct.replicas (
    replica_id uuid PRIMARY KEY,
    url text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);
SELECT konstruct.keep_hot('konstruct.replicas');

GRANT SELECT, INSERT, UPDATE ON konstruct.registry_claims TO konstruct_gateway;
GRANT SELECT, UPDATE ON konstruct.registry_state TO konstruct_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON
konstruct.registry_snapshots, konstruct.registry_reports, konstruct.replicas
TO konstruct_gateway;
GRANT SELECT ON
konstruct.registry_state, konstruct.registry_claims,
konstruct.registry_snapshots, konstruct.registry_reports
TO konstruct_llm, konstruct_portal;
GRANT INSERT, UPDATE ON konstruct.registry_reports TO konstruct_llm;
GRANT UPDATE (reports_version) ON konstruct.registry_state TO konstruct_llm;
GRANT SELECT, DELETE ON konstruct.registry_snapshots, konstruct.registry_reports
TO konstruct_eraser;
