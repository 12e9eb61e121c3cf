-- The audit: append-only rows with salted digests in one hash chain per tenant.

CREATE TABLE konstruct.audit (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subjects jsonb NOT NULL,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
SELECT konstruct.protect('konstruct.audit');

-- Apart, so that it can be erased while the chain stays whole.
CREATE TABLE konstruct.audit_payload (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL,
    salt bytea NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
SELECT konstruct.protect('konstruct.audit_payload');

CREATE TABLE konstruct.audit_heads (
    tenant_id uuid PRIMARY KEY,
    number bigint NOT NULL,
    hash bytea NOT NULL
);
SELECT konstruct.protect('konstruct.audit_heads');
SELECT konstruct.keep_hot('konstruct.audit_heads');

-- A row's hash covers the row and the hash before it.
CREATE FUNCTION konstruct.audit_hash(
    previous bytea, tenant uuid, number bigint, at timestamptz, actor text, action text,
    subjects jsonb, digest bytea
) RETURNS bytea
LANGUAGE sql IMMUTABLE SECURITY INVOKER
AS $$
    SELECT sha256(
        previous || convert_to(
            jsonb_build_array(
                tenant, number, extract(epoch FROM at), actor, action, subjects,
                encode(digest, 'hex')
            )::text,
            'UTF8'
        )
    )
$$;
REVOKE ALL ON FUNCTION konstruct.audit_hash(
    bytea, uuid, bigint, timestamptz, text, text, jsonb, bytea
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION konstruct.audit_hash(
    bytea, uuid, bigint, timestamptz, text, text, jsonb, bytea
) TO konstruct_gateway, konstruct_llm, konstruct_portal;

-- Not even the owner changes what was written.
CREATE FUNCTION konstruct.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'Audit rows are only ever appended.' USING ERRCODE = 'insufficient_privilege';
END
$$;
REVOKE ALL ON FUNCTION konstruct.refuse_change() FROM PUBLIC;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON konstruct.audit
FOR EACH STATEMENT EXECUTE FUNCTION konstruct.refuse_change();

GRANT SELECT, INSERT ON konstruct.audit, konstruct.audit_payload
TO konstruct_gateway, konstruct_llm, konstruct_portal;
GRANT SELECT, INSERT, UPDATE ON konstruct.audit_heads
TO konstruct_gateway, konstruct_llm, konstruct_portal;
GRANT SELECT, DELETE ON konstruct.audit, konstruct.audit_payload, konstruct.audit_heads
TO konstruct_eraser;
