"""What the database's catalogue must say: each rule is a query for what breaks it."""

from typing import Any

# No tenant content; each with its reason.
UNPROTECTED = {
    "migrations": "which files were applied",
    "registry_state": "one row: the leader's session and versions",
    "registry_claims": "routes from ids to tenants' names; outlives the tenant",
    "replicas": "where replicas of the gateway are",
    "dispatch": "hot queue: ids and times",
    "delivery_dispatch": "hot queue: ids and times",
    "media_dispatch": "hot queue: ids and times",
    "portal_users": "people of the platform",
    "portal_sessions": "sessions of people of the platform",
    "portal_attempts": "log-in attempts",
}
HOT = ("dispatch", "delivery_dispatch", "media_dispatch")
POLICY = "(tenant_id = (NULLIF(current_setting('konstruct.tenant'::text, true), ''::text))::uuid)"

_RULES = {
    "no forced row-level security with the tenant's policy alone": """
        SELECT c.relname AS found FROM pg_class AS c
        WHERE c.relnamespace = 'konstruct'::regnamespace AND c.relkind IN ('r', 'p')
            AND c.relname <> ALL ($1)
            AND NOT (
                c.relrowsecurity AND c.relforcerowsecurity
                AND (SELECT count(*) FROM pg_policy AS p WHERE p.polrelid = c.oid) = 1
                AND EXISTS (
                    SELECT FROM pg_policy AS p
                    WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive
                        AND pg_get_expr(p.polqual, p.polrelid) = $2
                        AND pg_get_expr(p.polwithcheck, p.polrelid) = $2
                )
            )""",
    "a unique index that does not start with tenant_id": """
        SELECT i.indexrelid::regclass::text AS found
        FROM pg_index AS i
        INNER JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'konstruct'::regnamespace AND i.indisunique
            AND c.relname <> ALL ($1 || ARRAY[]::text[]) AND $2::text IS NOT NULL
            AND coalesce(pg_get_indexdef(i.indexrelid, 1, true), '') <> 'tenant_id'""",
    "a hot table with something else than ids and times": """
        SELECT c.relname || '.' || a.attname AS found
        FROM pg_class AS c
        INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'konstruct'::regnamespace AND c.relname = ANY ($1)
            AND $2::text IS NOT NULL AND NOT a.attisdropped
            AND a.atttypid NOT IN ('uuid'::regtype, 'timestamptz'::regtype)""",
    "a hot table that another program may read": """
        SELECT c.relname || ' ' || r.rolname AS found
        FROM pg_class AS c
        CROSS JOIN pg_roles AS r
        WHERE c.relnamespace = 'konstruct'::regnamespace AND c.relname = ANY ($1)
            AND $2::text IS NOT NULL AND r.rolname IN ('konstruct_llm', 'konstruct_portal')
            AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')""",
    "a view with its owner's rights, or a materialised one": """
        SELECT c.relname AS found FROM pg_class AS c
        WHERE c.relnamespace = 'konstruct'::regnamespace AND $1::text[] IS NOT NULL
            AND $2::text IS NOT NULL
            AND (c.relkind = 'm' OR (
                c.relkind = 'v'
                AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)
            ))""",
    "a function with its owner's rights, or open to everybody": """
        SELECT p.proname AS found FROM pg_proc AS p
        WHERE p.pronamespace = 'konstruct'::regnamespace AND $1::text[] IS NOT NULL
            AND $2::text IS NOT NULL
            AND (p.prosecdef OR has_function_privilege('public', p.oid, 'EXECUTE'))""",
    "a role of ours that bypasses, creates, or inherits the eraser": """
        SELECT r.rolname AS found FROM pg_roles AS r
        WHERE r.rolname LIKE 'konstruct\\_%' AND $1::text[] IS NOT NULL AND $2::text IS NOT NULL
            AND (
                r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb
                OR (
                    r.rolname <> 'konstruct_eraser'
                    AND pg_has_role(r.oid, 'konstruct_eraser', 'USAGE')
                )
            )""",
    "a right to change or empty what is only appended to": """
        SELECT c.relname || ' ' || r.rolname AS found
        FROM pg_class AS c
        CROSS JOIN pg_roles AS r
        WHERE c.relnamespace = 'konstruct'::regnamespace
            AND c.relname IN ('audit', 'audit_payload', 'log', 'usage_ledger', 'ignored_items')
            AND $1::text[] IS NOT NULL AND $2::text IS NOT NULL
            AND r.rolname IN ('konstruct_gateway', 'konstruct_llm', 'konstruct_portal')
            AND has_table_privilege(r.oid, c.oid, 'UPDATE, DELETE, TRUNCATE')""",
    "a right to empty or refer to a table, which no policy stops": """
        SELECT c.relname || ' ' || r.rolname AS found
        FROM pg_class AS c
        CROSS JOIN pg_roles AS r
        WHERE c.relnamespace = 'konstruct'::regnamespace AND c.relkind = 'r'
            AND $1::text[] IS NOT NULL AND $2::text IS NOT NULL
            AND r.rolname LIKE 'konstruct\\_%'
            AND has_table_privilege(r.oid, c.oid, 'TRUNCATE, REFERENCES, TRIGGER')""",
}


async def broken_rules(connection: Any) -> list[str]:
    """Return `rule: object` for everything in the schema that breaks a rule."""
    found = []
    for rule, query in _RULES.items():
        tables = list(HOT) if rule.startswith("a hot") else list(UNPROTECTED)
        rows = await connection.fetch(query, tables, POLICY)
        found += [f"{rule}: {row['found']}" for row in rows]
    return found
