"""Migrations: the numbered files of `migrations/`, in order, once each, under one lock.

A file that only adds what older programs need not know says so in its header:
`-- oldest-program: 14` means that programs whose own newest migration is 14 still work with it.
Without that line none but its own and later programs do. See docs/decisions/0017.
"""

import hashlib
import itertools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import asyncpg

from konstruct_store.errors import ConfigurationWrong, RetryLater

Program = Literal["gateway", "llm", "portal"]
PROGRAMS: tuple[Program, ...] = ("gateway", "llm", "portal")

URL_UNREADABLE = (
    "The database's URL cannot be read. Write postgresql://USER:PASSWORD@HOST:PORT/NAME, with what"
    " is neither a letter nor a digit in USER and PASSWORD as %XX."
)
_LOCK = 0x6B6F6E7374727563  # "konstruc": migrations of one database never run side by side
_OLDEST_SERVER = 160_000
_SESSION_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "search_path": "konstruct",
    "jit": "off",
    # The plan test proves the generic plans; planning anew would cost more than most executions.
    "plan_cache_mode": "force_generic_plan",
}
_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS konstruct;
CREATE TABLE IF NOT EXISTS konstruct.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE konstruct.migrations ADD COLUMN IF NOT EXISTS oldest_program integer;
"""
_OLDEST_PROGRAM = re.compile(r"^-- oldest-program: (\d+)$", re.MULTILINE)
_APPLIED = """
SELECT number, checksum, coalesce(oldest_program, number) AS oldest_program
FROM konstruct.migrations
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `checksum` is its SHA-256: a file that was applied never changes.

    `oldest_program` is the newest migration that the oldest program knows which works with it.
    """

    number: int
    name: str
    sql: str
    checksum: str
    oldest_program: int


def migrations() -> list[Migration]:
    """Return the migrations of this version, in order."""
    found = []
    for file in sorted(
        (resources.files(__package__) / "migrations").iterdir(), key=lambda f: f.name
    ):
        if file.name.endswith(".sql"):
            sql = file.read_text(encoding="utf-8")
            number, _, name = file.name.removesuffix(".sql").partition("_")
            checksum = hashlib.sha256(sql.encode()).hexdigest()
            found.append(Migration(int(number), name, sql, checksum, oldest(sql, int(number))))
    return found


def oldest(sql: str, number: int) -> int:
    """Return the oldest program that a migration's header names; its own number without one."""
    header = "\n".join(itertools.takewhile(lambda line: line.startswith("--"), sql.split("\n")))
    found = _OLDEST_PROGRAM.search(header)
    return int(found[1]) if found else number


def newest() -> int:
    """Return the number of this version's last migration."""
    return migrations()[-1].number


async def migrate(owner_url: str) -> list[int]:
    """Apply what is missing with the owner's log-in; return the numbers that were applied.

    Each migration is one transaction; a second migrator waits for the first. On a database that is
    newer but still fit for this version there is nothing to do. Raises ConfigurationWrong when an
    applied file was changed, the database is too new for this version, or the server is older than
    Postgres 16; RetryLater when it cannot be reached.
    """
    connection = await _connect(owner_url)
    try:
        if connection.get_server_version().major * 10_000 < _OLDEST_SERVER:
            raise ConfigurationWrong("Konstruct needs Postgres 16 or later.")
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_BOOTSTRAP)
        rows = await connection.fetch(_APPLIED)
        missing = _missing(
            {row["number"]: row["checksum"] for row in rows},
            needed=max((row["oldest_program"] for row in rows), default=0),
        )
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO konstruct.migrations (number, name, checksum, oldest_program)"
                    " VALUES ($1, $2, $3, $4)",
                    *(migration.number, migration.name, migration.checksum),
                    migration.oldest_program,
                )
        return [migration.number for migration in missing]
    finally:
        await connection.close()


def login_name(program: Program) -> str:
    """Return the name of a program's log-in."""
    return f"konstruct_{program}_login"


async def create_login(owner_url: str, program: Program, password: str) -> str:
    """Make (or renew) the log-in of `program` with its group role's grants; return its name.

    Its sessions end statements after 30 s, lock waits after 5 s and idle transactions after 10 s.
    """
    name = login_name(program)
    connection = await _connect(owner_url)
    try:
        known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
        command = await connection.fetchval(
            "SELECT format('%s ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
            " PASSWORD %L', $1::text, $2::text, $3::text)",
            "ALTER" if known else "CREATE",
            name,
            password,
        )
        await connection.execute(command)
        await connection.execute(f"GRANT konstruct_{program} TO {name}")
        for setting, value in _SESSION_SETTINGS.items():
            await connection.execute(f"ALTER ROLE {name} SET {setting} = '{value}'")
    finally:
        await connection.close()
    return name


def _missing(applied: dict[int, str], *, needed: int) -> list[Migration]:
    ours = migrations()
    for migration in ours:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise ConfigurationWrong(
                f"Migration {migration.number} was applied from another file than this version's."
            )
    missing = [migration for migration in ours if migration.number not in applied]
    unknown = set(applied) - {migration.number for migration in ours}
    if unknown and (missing or needed > ours[-1].number):
        raise ConfigurationWrong(
            f"The database is newer than this version: it has migration {max(unknown)}, which needs"
            f" programs that know migration {needed}; this one knows {ours[-1].number}."
        )
    return missing


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, command_timeout=600)
    except ValueError:
        # It quotes a part of what it could not read, which may be the password's.
        raise ConfigurationWrong(URL_UNREADABLE) from None
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError) as error:
        raise RetryLater(f"The database cannot be reached: {error}") from error
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
    ) as error:
        raise ConfigurationWrong(f"The database refuses the connection: {error}") from error
