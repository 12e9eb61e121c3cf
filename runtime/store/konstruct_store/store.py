"""The connection pool, the tenant's transaction, and what database errors mean to a caller."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, Self
from uuid import UUID

import asyncpg
import pydantic_core

from konstruct_store import migrate
from konstruct_store.errors import ConfigurationWrong, RetryLater
from konstruct_store.lanes import Lanes
from konstruct_store.shares import Shares
from konstruct_store.statements import statement

_ACQUIRE_SECONDS = 5.0
_SMALLEST_SHARE = 4
_COMMAND_SECONDS = 30.0
_PASSING = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that died between two of our statements
    asyncpg.TransactionRollbackError,  # serialization failure, deadlock
    asyncpg.InsufficientResourcesError,  # disk full, too many connections, out of memory
    asyncpg.OperatorInterventionError,  # shutdown, crash, cancelled statement
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectInUseError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a former primary: the next connection finds the new one
    asyncpg.PostgresIOError,
    OSError,
    TimeoutError,
)


class Connection(Protocol):
    """What transitions use of a database connection (asyncpg's own class has no types)."""

    async def execute(self, query: str, *arguments: Any) -> str:
        """Run a statement and return its status."""
        ...

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """Return the first row, or None."""
        ...

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """Return the first column of the first row, or None."""
        ...


class Store:
    """A pool of connections of one program's log-in (never a superuser).

    Transitions are the functions of this package's modules; they take a Store first.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.lanes = Lanes()
        # A tenant that floods us waits for its own transactions, and others find connections.
        self._shares = Shares(max(_SMALLEST_SHARE, pool.get_max_size() // 4))

    @classmethod
    async def connect(cls, url: str, *, minimum: int = 1, maximum: int = 10) -> Self:
        """Open between `minimum` and `maximum` connections to the read-write primary at `url`.

        Raises RetryLater when the database cannot be reached now, ConfigurationWrong when it
        refuses the log-in or the URL cannot be read.
        """
        with _translated():
            try:
                pool = await asyncpg.create_pool(
                    url,
                    min_size=minimum,
                    max_size=maximum,
                    command_timeout=_COMMAND_SECONDS,
                    target_session_attrs="read-write",
                    max_inactive_connection_lifetime=300,
                    server_settings={"application_name": "konstruct"},
                    init=_prepare,
                    reset=_reset,
                )
            except ValueError:
                # It quotes a part of what it could not read, which may be the password's.
                raise ConfigurationWrong(migrate.URL_UNREADABLE) from None
            except (
                asyncpg.InvalidAuthorizationSpecificationError,
                asyncpg.InvalidCatalogNameError,
                asyncpg.TargetServerAttributeNotMatched,
            ) as error:
                raise ConfigurationWrong(f"The database refuses the connection: {error}") from error
        return cls(pool)

    async def close(self) -> None:
        """Wait for the connections in use, then close all."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection outside any tenant: it sees only tables without tenant content."""
        async with self._lent() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """Run one transaction of `tenant_id`; it commits when the block ends without an error.

        Raises RetryLater for whatever passes by itself. Keep no transaction open across a call to
        a model, a tool or a vendor: the log-in's time-out ends it after 10 s of idleness.
        """
        async with self._share(tenant_id), self._lent() as connection:
            # One round trip for both. A UUID's text needs no quoting.
            await connection.execute(
                f"BEGIN; SELECT set_config('konstruct.tenant', '{UUID(str(tenant_id))}', true)"
            )
            try:
                yield connection
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def at_once(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """Lend a connection for one function that sets the tenant itself: one round trip.

        Raises RetryLater as `transaction` does.
        """
        async with self._share(tenant_id), self._lent() as connection:
            yield connection

    @asynccontextmanager
    async def untenanted(self) -> AsyncIterator[Connection]:
        """Run one transaction that begins outside any tenant; `enter` chooses one later."""
        async with self._lent() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _share(self, tenant_id: UUID) -> AsyncIterator[None]:
        with _translated():
            async with self._shares.hold(tenant_id, seconds=_ACQUIRE_SECONDS):
                yield

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[asyncpg.Connection]:
        with _translated():
            # Not the pool's own time limit, which starts a task for each acquisition.
            async with asyncio.timeout(_ACQUIRE_SECONDS):
                connection = await self._pool.acquire()
            try:
                yield connection
            finally:
                await self._pool.release(connection)

    async def check(self) -> None:
        """Raise ConfigurationWrong unless this database and log-in can keep the guarantee.

        That is: a schema of this version or a newer one that still serves it, a read-write
        primary, `synchronous_commit` not off, and a log-in that row-level security binds.
        """
        async with self.connection() as connection:
            try:
                row = await connection.fetchrow(statement("store/check"))
            except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
                raise ConfigurationWrong(
                    "The database has no schema of Konstruct: run `python -m konstruct_store"
                    " migrate` with the owner's URL."
                ) from error
        _judge(row)


async def enter(connection: Connection, tenant_id: UUID) -> None:
    """Choose the tenant for the rest of the connection's transaction."""
    await connection.execute("SELECT set_config('konstruct.tenant', $1, true)", str(tenant_id))


def _judge(row: asyncpg.Record) -> None:
    newest = migrate.newest()
    if row["schema_version"] < newest:
        raise ConfigurationWrong(
            f"The schema is at migration {row['schema_version']}, this version needs {newest}:"
            " run `python -m konstruct_store migrate`."
        )
    if row["oldest_program"] > newest:
        raise ConfigurationWrong(
            f"The database is newer than this version: its migration {row['schema_version']} needs"
            f" programs that know migration {row['oldest_program']}, this one knows {newest}. Run"
            " the newer version, or restore the backup made before its migration."
        )
    if row["in_recovery"] or row["read_only"]:
        raise ConfigurationWrong("The database is not the read-write primary.")
    if row["synchronous_commit"] == "off":
        raise ConfigurationWrong("synchronous_commit is off: what was acknowledged could be lost.")
    if row["bypasses"]:
        raise ConfigurationWrong(
            f"The log-in {row['log_in']} bypasses row-level security; use one made by"
            " `python -m konstruct_store create-login`."
        )


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_as_json, decoder=json.loads
    )


def _as_json(value: Any) -> str:
    return pydantic_core.to_json(value).decode()


async def _reset(connection: asyncpg.Connection) -> None:
    # asyncpg's own reset costs a round trip per release; we hold no session state but a
    # transaction that was cut short.
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _PASSING as error:
        raise RetryLater(f"The database cannot answer now: {type(error).__name__}.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationWrong(f"The log-in lacks a right it needs: {error}.") from error


def count_of(status: str) -> int:
    """Return how many rows a command's status (`UPDATE 3`) speaks of."""
    return int(status.rsplit(" ", 1)[-1])
