"""The schema as text, read from the catalogue: what all migrations in order come to.

`schema.sql` is the committed text. It is for people, and for the test that compares; nothing
runs it.
"""

from importlib import resources
from typing import Any

_TABLES = """
SELECT c.oid, c.relname, c.reloptions, c.relrowsecurity, c.relforcerowsecurity
FROM pg_class AS c
WHERE c.relnamespace = 'konstruct'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""
_COLUMNS = """
SELECT
    a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_CONSTRAINTS = """
SELECT 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) AS line
FROM pg_constraint
WHERE conrelid = $1 AND contype <> 'n'
ORDER BY contype DESC, conname
"""
_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) || ';' AS line
FROM pg_index AS i
WHERE
    i.indrelid = $1
    AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
ORDER BY 1
"""
_POLICIES = """
SELECT
    'CREATE POLICY ' || polname || ' ON ' || polrelid::regclass
    || ' USING ' || pg_get_expr(polqual, polrelid)
    || coalesce(' WITH CHECK ' || pg_get_expr(polwithcheck, polrelid), '') || ';' AS line
FROM pg_policy
WHERE polrelid = $1
ORDER BY polname
"""
_TRIGGERS = """
SELECT pg_get_triggerdef(oid) || ';' AS line
FROM pg_trigger
WHERE tgrelid = $1 AND NOT tgisinternal
ORDER BY tgname
"""
_GRANTS = """
SELECT 'GRANT ' || string_agg(g.privilege, ', ' ORDER BY g.privilege)
    || ' ON ' || $1::oid::regclass || ' TO ' || g.role || ';' AS line
FROM (
    SELECT a.grantee::regrole::text AS role, a.privilege_type AS privilege
    FROM pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.oid = $1 AND a.grantee <> c.relowner
    UNION ALL
    SELECT
        x.grantee::regrole::text,
        x.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attnum) || ')'
    FROM pg_attribute AS t
    CROSS JOIN LATERAL aclexplode(t.attacl) AS x
    WHERE t.attrelid = $1
    GROUP BY x.grantee, x.privilege_type
) AS g
GROUP BY g.role
ORDER BY g.role
"""
_FUNCTIONS = """
SELECT
    pg_get_functiondef(p.oid) AS body,
    (
        SELECT string_agg(a.grantee::regrole::text, ', ' ORDER BY a.grantee::regrole::text)
        FROM aclexplode(p.proacl) AS a
        WHERE a.grantee <> p.proowner
    ) AS executors
FROM pg_proc AS p
WHERE p.pronamespace = 'konstruct'::regnamespace
ORDER BY p.proname
"""


async def describe(connection: Any) -> str:
    """Return the schema of the database `connection` (asyncpg) is open to, always in one form."""
    await connection.execute("SET search_path = pg_catalog")
    blocks = ["-- Generated from the catalogue by konstruct_store.schema.describe; not to be run."]
    for function in await connection.fetch(_FUNCTIONS):
        grant = f"-- executable by: {function['executors'] or 'its owner'}"
        blocks.append(f"{function['body'].strip()};\n{grant}")
    tables = await connection.fetch(_TABLES)
    blocks += [await _table(connection, table) for table in tables]
    return "\n\n".join(blocks) + "\n"


def committed() -> str:
    """Return the committed text."""
    return (resources.files(__package__) / "schema.sql").read_text(encoding="utf-8")


async def _table(connection: Any, table: Any) -> str:
    async def lines(query: str) -> list[str]:
        return [row["line"] for row in await connection.fetch(query, table["oid"])]

    name = f"konstruct.{table['relname']}"
    body = await lines(_COLUMNS) + await lines(_CONSTRAINTS)
    options = f" WITH ({', '.join(sorted(table['reloptions']))})" if table["reloptions"] else ""
    text = [f"CREATE TABLE {name} (\n    " + ",\n    ".join(body) + f"\n){options};"]
    text += await lines(_INDEXES)
    if table["relrowsecurity"]:
        text.append(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;")
    if table["relforcerowsecurity"]:
        text.append(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;")
    for query in (_POLICIES, _TRIGGERS, _GRANTS):
        text += await lines(query)
    return "\n".join(text)
