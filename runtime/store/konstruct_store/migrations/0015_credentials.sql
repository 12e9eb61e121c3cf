-- Which credentials of a connection its vendor took last, so that wrong new ones replace nothing.
-- oldest-program: 14

-- The sealed box as the operator made it; with other config it is not what the vendor was asked.
CREATE TABLE konstruct.verified_credentials (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    config jsonb NOT NULL,
    sealed jsonb NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, connection_id)
);
SELECT konstruct.protect('konstruct.verified_credentials');

CREATE FUNCTION konstruct.verified_of(tenants uuid [])
RETURNS SETOF konstruct.verified_credentials
LANGUAGE plpgsql SECURITY INVOKER
AS $$
DECLARE
    tenant uuid;
BEGIN
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('konstruct.tenant', tenant::text, true);
        RETURN QUERY SELECT v.* FROM konstruct.verified_credentials AS v WHERE v.tenant_id = tenant;
    END LOOP;
    PERFORM set_config('konstruct.tenant', '', true);
END
$$;
REVOKE ALL ON FUNCTION konstruct.verified_of(uuid []) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION konstruct.verified_of(uuid []) TO konstruct_gateway;

-- Which version of a Secret a report speaks of: its UID and resourceVersion.
ALTER TABLE konstruct.registry_reports ADD COLUMN version text NOT NULL DEFAULT '';

GRANT SELECT, INSERT, UPDATE, DELETE ON konstruct.verified_credentials TO konstruct_gateway;
GRANT SELECT, DELETE ON konstruct.verified_credentials TO konstruct_eraser;
