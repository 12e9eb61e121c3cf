"""What went through a connection lately: for the people who set it up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from konstruct_store.identifiers import first_id_at
from konstruct_store.statements import statement
from konstruct_store.store import Store

_LOOKED_THROUGH = 5000
"""Messages and deliveries: a connection that is quieter than that has no time to show."""


@dataclass(frozen=True, slots=True)
class IgnoredCount:
    """Deliveries ignored for one reason. `known`: by intention; otherwise nobody knew the kind."""

    reason: str
    known: bool
    counted: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """What was ignored in the time asked for, unknown kinds first, and when something last went.

    `last_in` and `last_out` are None where that is too long ago to be found quickly.
    """

    ignored: tuple[IgnoredCount, ...] = ()
    last_in: datetime | None = None
    last_out: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastTimes:
    """When something last went through; None where that is too long ago to be found quickly."""

    last_in: datetime | None
    last_out: datetime | None


async def last_times(store: Store, tenant_id: UUID, connection_id: UUID) -> LastTimes:
    """Return when a connection's last message came and its last reply left. Raises RetryLater."""
    place = (tenant_id, connection_id, _LOOKED_THROUGH)
    async with store.transaction(tenant_id) as connection:
        return LastTimes(
            await connection.fetchval(statement("portal/last_in"), *place),
            await connection.fetchval(statement("portal/last_out"), *place),
        )


async def connection_activity(
    store: Store, tenant_id: UUID, connection_id: UUID, *, now: datetime, within: timedelta
) -> Activity:
    """Return what went through a connection. `now` is aware; ignored ones count `within` it."""
    begins = first_id_at(now - within)
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("portal/ignored_counts"), tenant_id, connection_id, begins
        )
        place = (tenant_id, connection_id, _LOOKED_THROUGH)
        last_in = await connection.fetchval(statement("portal/last_in"), *place)
        last_out = await connection.fetchval(statement("portal/last_out"), *place)
    return Activity(tuple(IgnoredCount(**dict(row)) for row in rows), last_in, last_out)
