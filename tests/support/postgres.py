"""A real Postgres for tests: one embedded server per run, one fresh migrated database per test.

Tests that kill the server start one of their own (`owned_postgres`), with fsync on.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from konstruct_local.postgres import EmbeddedPostgres
from konstruct_store import Store, migrate
from konstruct_store.migrate import PROGRAMS, Program

PASSWORD = "only-for-tests"
TEMPLATE = "konstruct_template"
QUICK = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=128MB")


@dataclass(frozen=True)
class Database:
    """One migrated database."""

    server: EmbeddedPostgres
    name: str

    @property
    def owner_url(self) -> str:
        """The URL of the owner, a superuser: no program ever has it."""
        return self.server.url(self.name)

    async def run(self, statement: str, *arguments: Any) -> list[Any]:
        """Run a statement as the owner, who sees every tenant; return its rows."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    def url(self, program: Program) -> str:
        """The URL of a program's own log-in."""
        return self.server.url(self.name, user=f"konstruct_{program}_login", password=PASSWORD)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The run's server, with its logins and its migrated template database."""
    directory = _reachable_directory()
    server = EmbeddedPostgres(directory, options=QUICK)
    asyncio.run(_start(server))
    try:
        yield server
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(directory, ignore_errors=True)


@pytest_asyncio.fixture
async def database(postgres_server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A fresh migrated database, dropped after the test."""
    async with fresh_database(postgres_server) as made:
        yield made


@pytest_asyncio.fixture
async def gateway_store(database: Database) -> AsyncIterator[Store]:
    """A store with the gateway's log-in."""
    async with open_store(database, "gateway") as store:
        yield store


@pytest_asyncio.fixture
async def llm_store(database: Database) -> AsyncIterator[Store]:
    """A store with the model service's log-in."""
    async with open_store(database, "llm") as store:
        yield store


@pytest_asyncio.fixture
async def portal_store(database: Database) -> AsyncIterator[Store]:
    """A store with the portal's log-in."""
    async with open_store(database, "portal") as store:
        yield store


@asynccontextmanager
async def open_store(
    database: Database, program: Program, *, maximum: int = 10
) -> AsyncIterator[Store]:
    """Open a store with a program's log-in and close it afterwards."""
    store = await Store.connect(database.url(program), maximum=maximum)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def fresh_database(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """Make a database from the migrated template; drop it afterwards."""
    name = f"test_{uuid4().hex}"
    await _as_owner(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY wal_log")
    try:
        yield Database(server, name)
    finally:
        await _as_owner(server, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def owned_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """Start a durable server that a test may kill; it has the template and the log-ins too."""
    directory = await asyncio.to_thread(_reachable_directory)
    server = EmbeddedPostgres(directory, options=("max_connections=100",))
    await _start(server)
    try:
        yield server
    finally:
        await server.stop()
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


async def _start(server: EmbeddedPostgres) -> None:
    await server.start()
    await _as_owner(server, f"CREATE DATABASE {TEMPLATE}")
    await migrate.migrate(server.url(TEMPLATE))
    for program in PROGRAMS:
        await migrate.create_login(server.url(TEMPLATE), program, PASSWORD)


async def _as_owner(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _reachable_directory() -> Path:
    # Root runs the server as another user, who must be able to reach its data.
    directory = Path(tempfile.mkdtemp(prefix="konstruct-test-"))
    directory.chmod(0o755)
    return directory / "postgres"
