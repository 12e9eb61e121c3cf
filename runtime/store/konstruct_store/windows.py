"""Windows in which a vendor takes words of ours: opened by what a person writes, closed by time.

What would fall outside is held: it blocks nothing, and goes out when the person writes again. Where
a template may ask for that, it is sent once until then.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from konstruct_messages.replies import NoticeCode
from konstruct_store.errors import TurnLost
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry, entry_of
from konstruct_store.outbox import Delivery
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store


@dataclass(frozen=True, slots=True)
class Reopening:
    """A template that asks a person to write again, and what operators read of it."""

    template: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Held:
    """What became of a delivery that could not go out. `entry` says that a template was queued."""

    held: bool
    entry: LogEntry | None = None


async def open_windows(
    store: Store,
    tenant_id: UUID,
    written: Sequence[tuple[UUID, datetime]],
    *,
    lasts: timedelta,
) -> int:
    """Open conversations' windows, each since a person wrote in it; return how much is released.

    Repeating it changes nothing. What comes while a transaction of the same tenant is under way
    shares the next one. Raises RetryLater.
    """
    released: int = await store.lanes.go(
        ("windows", tenant_id, lasts),
        written,
        functools.partial(_open_together, store, tenant_id, lasts.total_seconds()),
        lambda _first, _other: True,
    )
    return released


async def _open_together(
    store: Store,
    tenant_id: UUID,
    seconds: float,
    requests: Sequence[Sequence[tuple[UUID, datetime]]],
) -> list[int]:
    everything = [one for written in requests for one in written]
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("windows/open"),
            *(tenant_id, [one for one, _ in everything], [at for _, at in everything], seconds),
        )
    released = Counter(row["conversation_id"] for row in rows)
    return [sum(released[one] for one in {key for key, _ in written}) for written in requests]


async def hold(
    store: Store,
    delivery: Delivery,
    *,
    reason: str,
    told: bool,
    reopening: Reopening | None = None,
) -> Held:
    """Keep a delivery until the person writes. Raises TurnLost and RetryLater.

    If the person wrote since it was claimed, it is tried again at once. `told`: the vendor said so,
    whatever our clock says.
    """
    place = (delivery.tenant_id, delivery.conversation_id)
    async with store.transaction(delivery.tenant_id) as connection:
        await connection.fetchrow(statement("settle/lock_conversation"), *place)
        row = await connection.fetchrow(
            statement("windows/hold"),
            *(delivery.tenant_id, delivery.delivery_id, delivery.attempt),
            *(reason, delivery.window_ends_at, told),
        )
        if row is None:
            raise TurnLost("A later attempt has the delivery, or it is settled.")
        entry = await reopen(connection, *place, reopening) if row["held"] else None
    return Held(row["held"], entry)


async def reopen(
    connection: Connection, tenant_id: UUID, conversation_id: UUID, reopening: Reopening | None
) -> LogEntry | None:
    """Queue the template of a locked conversation that holds something, once until it is answered.

    None: there is none to queue.
    """
    if reopening is None:
        return None
    payload = {"code": NoticeCode.REOPENED.value, "text": reopening.text}
    row = await connection.fetchrow(
        statement("windows/reopen"),
        *(tenant_id, conversation_id, new_id(), payload, reopening.text),
        dict(reopening.template),
    )
    return entry_of(row) if row is not None else None
