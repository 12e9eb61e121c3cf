"""What the gateway does on its own: nothing that was acknowledged stays without an end.

Invariant: no turn stays claimed longer than its lease plus two sweeps, and none stays open longer
than the deadline plus two sweeps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_messages.turns import ConversationMode
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import tell
from konstruct_store.settling import (
    Apologies,
    Settled,
    Words,
    apology_for,
    died,
    settle_locked,
    silenced,
)
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of

Sends = Callable[[UUID, UUID], bool]

_BATCH = 100
_SWEEPER = "sweeper"
_ROWS_KEPT_HOURS = 48.0


def _nowhere(_tenant_id: UUID, _connection_id: UUID) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class SweptTurn:
    """A turn that the sweeper ended, and with what."""

    tenant_id: UUID
    conversation_id: UUID
    turn_id: UUID
    reason: str
    settled: Settled


async def sweep_turns(
    store: Store,
    tenant_id: UUID | None = None,
    *,
    deadline_seconds: int,
    apologies: Apologies,
    sends: Sends = _nowhere,
    limit: int = _BATCH,
) -> list[SweptTurn]:
    """Requeue what lost its lease, and end what is overdue or exhausted, at most `limit` each.

    `apologies` gives the sentence for a tenant's person, by language (possibly empty); `sends` says
    whether the replies of (tenant, connection) go to a vendor. Each turn is a transaction of its
    own. Call it again at once when `limit` turns came back. Raises RetryLater.
    """
    await _requeue_expired(store, limit)
    async with store.connection() as connection:
        rows = await connection.fetch(
            statement("settle/overdue"), tenant_id, float(deadline_seconds), limit
        )
    swept = [await _sweep_one(store, row, deadline_seconds, apologies, sends) for row in rows]
    return [one for one in swept if one is not None]


@dataclass(frozen=True, slots=True)
class Expired:
    """What expired in one conversation, and what its person was told of it."""

    tenant_id: UUID
    conversation_id: UUID
    items: tuple[UUID, ...]
    entry: LogEntry | None


async def expire_items(
    store: Store,
    *,
    hours: float = 24,
    limit: int = _BATCH,
    words: Words | None = None,
    sends: Sends = _nowhere,
) -> list[Expired]:
    """Settle as Expired what waited `hours` for a suspended tenant or agent.

    The person is told in `words`, once per conversation, unless a human has it; `sends` says of
    (tenant, connection) whether a vendor carries it. Each conversation is a transaction of its own.
    """
    async with store.connection() as connection:
        rows = await connection.fetch(statement("settle/waiting_too_long"), float(hours), limit)
    found = [
        await _expire(store, row["tenant_id"], row["conversation_id"], hours, words, sends)
        for row in rows
    ]
    return [one for one in found if one is not None]


async def _expire(
    store: Store,
    tenant_id: UUID,
    conversation_id: UUID,
    hours: float,
    words: Words | None,
    sends: Sends,
) -> Expired | None:
    place = (tenant_id, conversation_id)
    async with store.transaction(tenant_id) as connection:
        present = await connection.fetchrow(statement("people/conversation"), *place)
        items = await connection.fetch(statement("settle/expire"), *place, float(hours))
        await connection.execute(statement("settle/reopen"), *place)
        if not items:
            return None
        entry = None
        if words is not None and present["mode"] == ConversationMode.AGENT:
            text = words(tenant_id, present["language"])
            entry = await tell(
                connection,
                place,
                new_id(),
                LogKind.NOTICE,
                {"code": NoticeCode.EXPIRED.value, "text": text},
                sends=sends(tenant_id, present["connection_id"]),
            )
    return Expired(tenant_id, conversation_id, tuple(one["item_id"] for one in items), entry)


async def prune_idle(store: Store, *, limit: int = 1000) -> int:
    """Forget the hot rows of conversations that were idle for two days; return how many."""
    async with store.connection() as connection:
        return count_of(
            await connection.execute(statement("settle/prune_idle"), _ROWS_KEPT_HOURS, limit)
        )


async def _requeue_expired(store: Store, limit: int) -> None:
    async with store.connection() as connection:
        rows = await connection.fetch(statement("settle/expired_leases"), limit)
    for row in rows:
        async with store.transaction(row["tenant_id"]) as connection:
            await connection.execute(
                statement("settle/requeue"), row["tenant_id"], row["conversation_id"]
            )


async def _sweep_one(
    store: Store,
    overdue: asyncpg.Record,
    deadline_seconds: int,
    apologies: Apologies,
    sends: Sends,
) -> SweptTurn | None:
    tenant_id, conversation_id = overdue["tenant_id"], overdue["conversation_id"]
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("settle/lock_overdue"),
            *(tenant_id, conversation_id, float(deadline_seconds)),
        )
        if row is None:
            return None
        if row["turn_id"] is None and row["suspended"]:
            await connection.execute(statement("settle/park"), tenant_id, conversation_id)
            return None
        turn_id = row["turn_id"] or await _open_unclaimed(connection, tenant_id, conversation_id)
        if turn_id is None:
            await connection.execute(statement("claims/set_aside"), tenant_id, conversation_id)
            return None
        turn = await connection.fetchrow(statement("settle/lock"), tenant_id, turn_id)
        reason = "AttemptsExhausted" if row["exhausted"] else "DeadlinePassed"
        text = apology_for(apologies, tenant_id, turn)
        if turn["mode"] == ConversationMode.HUMAN:
            end = silenced(_SWEEPER, unfinished=text)
        else:
            end = died(reason, _SWEEPER, text, sends=sends(tenant_id, turn["connection_id"]))
        settled = await settle_locked(connection, tenant_id, turn_id, turn, end)
    return SweptTurn(tenant_id, conversation_id, turn_id, reason, settled)


async def _open_unclaimed(
    connection: Connection, tenant_id: UUID, conversation_id: UUID
) -> UUID | None:
    turn_id: UUID | None = await connection.fetchval(
        statement("settle/open_unclaimed"), tenant_id, conversation_id, new_id()
    )
    return turn_id
