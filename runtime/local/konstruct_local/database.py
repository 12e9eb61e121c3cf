"""The database of an installation: the embedded one, or a given one; migrated, with log-ins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from konstruct_local.errors import UnusableSystem
from konstruct_local.postgres import EmbeddedPostgres
from konstruct_local.words import mark as _
from konstruct_store import errors as store_errors
from konstruct_store import migrate


@dataclass(frozen=True)
class Database:
    """Where the data lie. `owner_url` may migrate; `server` is set where it is ours to stop."""

    owner_url: str = field(repr=False)
    server: EmbeddedPostgres | None = None

    def url(self, program: str, password: str) -> str:
        """Return the URL with which a program logs in."""
        return with_login(self.owner_url, f"konstruct_{program}_login", password)


def given_or_embedded(given_url: str, server: EmbeddedPostgres | None) -> Database:
    """Return the database at `given_url`, or else the one of the started embedded server."""
    if server is None:
        return Database(owner_url=given_url)
    return Database(owner_url=server.url(), server=server)


async def prepare_database(database: Database, passwords: Mapping[str, str]) -> None:
    """Bring the schema up to date and give each program its log-in. Raises UnusableSystem."""
    try:
        await migrate.migrate(database.owner_url)
        for program in migrate.PROGRAMS:
            await migrate.create_login(database.owner_url, program, passwords[program])
    except store_errors.StoreError as error:
        if database.server is None:
            raise UnusableSystem(
                _("The database of KONSTRUCT_DATABASE_URL cannot be used: {reason}"), reason=error
            ) from error
        raise UnusableSystem(
            _(
                "The database cannot be prepared: {reason}"
                " To start anew without what is in it, move {directory} away."
            ),
            reason=error,
            directory=database.server.directory,
        ) from error


def with_login(url: str, user: str, password: str) -> str:
    """Return a Postgres URL with another user and password."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{place}"))
