"""Migrations: in order, once, and together the schema that is committed."""

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from konstruct_local.postgres import EmbeddedPostgres
from konstruct_store import ConfigurationWrong, RetryLater, Store, migrate, schema, statements
from support.postgres import Database

pytestmark = pytest.mark.postgres

_TABLES = """
SELECT c.relname AS name FROM pg_class AS c
WHERE
    c.relnamespace = 'konstruct'::regnamespace
    AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
"""
SCHEMA = Path(schema.__file__).with_name("schema.sql")


async def test_all_migrations_in_order_are_the_committed_schema(database: Database) -> None:
    connection = await asyncpg.connect(database.owner_url)
    text = await schema.describe(connection)
    await connection.close()
    if "KONSTRUCT_UPDATE_SCHEMA" in os.environ:
        SCHEMA.write_text(text)
    assert text == schema.committed(), (
        "The migrations come to another schema than schema.sql: look at the difference, then"
        " KONSTRUCT_UPDATE_SCHEMA=1 pytest tests/store/test_migrations.py"
    )


async def test_migrating_again_does_nothing(database: Database) -> None:
    assert await migrate.migrate(database.owner_url) == []


async def test_migrators_wait_for_each_other(postgres_server: EmbeddedPostgres) -> None:
    name = f"test_{uuid4().hex}"
    owner = await asyncpg.connect(postgres_server.url())
    await owner.execute(f"CREATE DATABASE {name}")
    url = postgres_server.url(name)
    done = await asyncio.gather(*(migrate.migrate(url) for _ in range(3)))
    assert sorted(done, key=len) == [[], [], [one.number for one in migrate.migrations()]]
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


async def test_a_changed_migration_is_refused(database: Database) -> None:
    await database.run("UPDATE konstruct.migrations SET checksum = 'x' WHERE number = 2")
    with pytest.raises(ConfigurationWrong, match="Migration 2"):
        await migrate.migrate(database.owner_url)


async def test_a_newer_database_is_refused(database: Database, gateway_store: Store) -> None:
    await gateway_store.check()
    await database.run(
        "INSERT INTO konstruct.migrations (number, name, checksum) VALUES (9999, 'later', 'x')"
    )
    with pytest.raises(ConfigurationWrong, match="newer"):
        await migrate.migrate(database.owner_url)
    with pytest.raises(ConfigurationWrong, match="9999"):
        await gateway_store.check()


async def test_an_older_program_runs_on_a_newer_schema_that_serves_it(
    database: Database, gateway_store: Store
) -> None:
    """The last release during an upgrade, and after a roll-back, on one more expand migration."""
    connection = await asyncpg.connect(database.owner_url)
    for table in await connection.fetch(_TABLES):
        await connection.execute(f"ALTER TABLE konstruct.{table['name']} ADD COLUMN later text")
    await connection.execute(
        "INSERT INTO konstruct.migrations (number, name, checksum, oldest_program)"
        " VALUES (9999, 'expand', 'x', $1)",
        migrate.newest(),
    )
    assert await migrate.migrate(database.owner_url) == []
    await gateway_store.check()
    for name in statements.names():
        await connection.prepare(statements.statement(name))
    await connection.close()


async def test_a_schema_without_the_column_for_older_programs_says_to_migrate(
    database: Database, gateway_store: Store
) -> None:
    await database.run("ALTER TABLE konstruct.migrations DROP COLUMN oldest_program")
    await database.run("DELETE FROM konstruct.migrations WHERE number > 13")
    with pytest.raises(ConfigurationWrong, match="konstruct_store migrate"):
        await gateway_store.check()


def test_the_oldest_program_stands_in_the_header_alone() -> None:
    assert migrate.oldest("-- Adds.\n-- oldest-program: 14\nSELECT 1;", 15) == 14
    assert migrate.oldest("-- Removes.\nSELECT 1;\n-- oldest-program: 14\n", 15) == 15
    for one in migrate.migrations():
        assert 1 <= one.oldest_program <= one.number


async def test_a_program_refuses_a_superusers_log_in(database: Database) -> None:
    store = await Store.connect(database.owner_url)
    with pytest.raises(ConfigurationWrong, match="row-level security"):
        await store.check()
    await store.close()


async def test_a_program_refuses_to_lose_what_it_acknowledged(database: Database) -> None:
    await database.run(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    store = await Store.connect(database.url("gateway"))
    with pytest.raises(ConfigurationWrong, match="synchronous_commit"):
        await store.check()
    await store.close()


async def test_an_empty_database_says_what_to_run(postgres_server: EmbeddedPostgres) -> None:
    store = await Store.connect(
        postgres_server.url("postgres", user="konstruct_gateway_login", password="only-for-tests")
    )
    with pytest.raises(ConfigurationWrong, match="python -m konstruct_store migrate"):
        await store.check()
    await store.close()


async def test_nothing_listens_is_retry_later_and_a_wrong_password_is_not(
    database: Database,
) -> None:
    with pytest.raises(RetryLater):
        await Store.connect("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(ConfigurationWrong):
        await Store.connect(database.url("gateway").replace("only-for-tests", "wrong"))


async def test_sessions_are_kept_from_holding_locks_for_ever(database: Database) -> None:
    connection = await asyncpg.connect(database.url("gateway"))
    for setting, value in {
        "idle_in_transaction_session_timeout": "10s",
        "lock_timeout": "5s",
        "statement_timeout": "30s",
    }.items():
        assert await connection.fetchval(f"SHOW {setting}") == value
    await connection.close()
