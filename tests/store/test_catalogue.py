"""The catalogue holds what the code cannot forget: every table with content is protected."""

import asyncpg
import pytest

from konstruct_store import erase
from support.catalogue import UNPROTECTED, broken_rules
from support.postgres import Database

pytestmark = pytest.mark.postgres

VIOLATIONS = {
    "a new table without protection": "CREATE TABLE konstruct.secrets (tenant_id uuid, x text)",
    "protection taken away": "ALTER TABLE konstruct.log DISABLE ROW LEVEL SECURITY",
    "protection not forced": "ALTER TABLE konstruct.turns NO FORCE ROW LEVEL SECURITY",
    "a policy dropped": "DROP POLICY tenant ON konstruct.inbox",
    "a second, wider policy": "CREATE POLICY all_rows ON konstruct.steps USING (true)",
    "a policy rewritten": "ALTER POLICY tenant ON konstruct.steps USING (true)",
    "a check weakened": "ALTER POLICY tenant ON konstruct.steps WITH CHECK (true)",
    "a unique across tenants": "CREATE UNIQUE INDEX ON konstruct.log (turn_id)",
    "a unique constraint across tenants": "ALTER TABLE konstruct.inbox ADD UNIQUE (item_id)",
    "text in a hot table": "ALTER TABLE konstruct.dispatch ADD COLUMN note text",
    "a hot table for another program": "GRANT SELECT ON konstruct.dispatch TO konstruct_portal",
    "a view with its owner's rights": "CREATE VIEW konstruct.v AS SELECT * FROM konstruct.log",
    "a materialised view": "CREATE MATERIALIZED VIEW konstruct.m AS SELECT 1 AS one",
    "a function with its owner's rights": (
        "CREATE FUNCTION konstruct.f() RETURNS int LANGUAGE sql SECURITY DEFINER"
        " RETURN 1; REVOKE ALL ON FUNCTION konstruct.f() FROM PUBLIC"
    ),
    "a function open to everybody": (
        "CREATE FUNCTION konstruct.g() RETURNS int LANGUAGE sql RETURN 1"
    ),
    "audit rows that may be changed": "GRANT UPDATE ON konstruct.audit TO konstruct_gateway",
    "audit rows that may be deleted": "GRANT DELETE ON konstruct.audit TO konstruct_gateway",
    "a table that may be emptied": "GRANT TRUNCATE ON konstruct.dispatch TO konstruct_gateway",
}


async def test_no_object_breaks_a_rule(database: Database) -> None:
    connection = await asyncpg.connect(database.owner_url)
    assert await broken_rules(connection) == []
    await connection.close()


@pytest.mark.parametrize("violation", VIOLATIONS)
async def test_each_seeded_violation_is_caught(database: Database, violation: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(VIOLATIONS[violation])
    rules = {broken.split(":")[0] for broken in await broken_rules(connection)}
    assert len(rules) == 1
    await connection.close()


@pytest.mark.parametrize(
    "attribute", ["BYPASSRLS", "CREATEROLE", "CREATEDB", "SUPERUSER", "eraser"]
)
async def test_a_role_with_too_much_is_caught(database: Database, attribute: str) -> None:
    # Roles belong to the whole server: seen only inside a transaction that is undone.
    connection = await asyncpg.connect(database.owner_url)
    transaction = connection.transaction()
    await transaction.start()
    if attribute == "eraser":
        await connection.execute("GRANT konstruct_eraser TO konstruct_portal WITH INHERIT TRUE")
    else:
        await connection.execute(f"ALTER ROLE konstruct_llm {attribute}")
    assert await broken_rules(connection) != []
    await transaction.rollback()
    await connection.close()


async def test_the_exceptions_exist_and_erasure_knows_every_other_table(
    database: Database,
) -> None:
    connection = await asyncpg.connect(database.owner_url)
    tables = {
        row["relname"]
        for row in await connection.fetch(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'konstruct'::regnamespace AND relkind = 'r'"
        )
    }
    await connection.close()
    assert tables >= set(UNPROTECTED)
    hot = {"dispatch", "delivery_dispatch", "media_dispatch"}
    assert set(erase.TABLES) == tables - set(UNPROTECTED) | hot
