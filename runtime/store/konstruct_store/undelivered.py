"""What did not arrive, in an operator's hands: send it again, or leave it. Each act is audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from konstruct_store import audit
from konstruct_store.errors import NotFound
from konstruct_store.settle import replay_dead_turn
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """A delivery as the operator saw it: another attempt since then, and nothing is done."""

    delivery_id: UUID
    attempt: int


async def send_again(
    store: Store, tenant_id: UUID, seen: Sequence[Seen], *, actor: str
) -> list[UUID]:
    """Queue refused and unknown deliveries again; return which were.

    Left out is what is not as it was seen: somebody else sent it again meanwhile. Where the vendor
    can be asked it is asked first; where not, it is sent all the same. Raises RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        return await _send_again(connection, tenant_id, seen, actor)


async def send_refused_again(
    store: Store, tenant_id: UUID, connection_id: UUID, *, actor: str
) -> list[UUID]:
    """Queue everything that a connection could not send at all; return which that is.

    That is what its credentials, its absence or a long outage kept back, not what a vendor refused
    for what it says. At most a thousand at once. Raises RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("outbox/not_sent_by"), tenant_id, connection_id, _MOST_AT_ONCE
        )
        seen = [Seen(row["delivery_id"], row["attempt"]) for row in rows]
        return await _send_again(connection, tenant_id, seen, actor)


async def leave_deliveries(
    store: Store, tenant_id: UUID, deliveries: Sequence[UUID], *, actor: str
) -> list[UUID]:
    """Leave deliveries that were not sent as they are; return which were still open."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("outbox/close"), tenant_id, list(deliveries))
        await _record(connection, tenant_id, rows, actor, "DeliveryLeft")
    return [row["delivery_id"] for row in rows]


async def leave_dead_turn(store: Store, tenant_id: UUID, turn_id: UUID, *, actor: str) -> bool:
    """Leave a dead turn as it is; False when it is replayed or left already."""
    async with store.transaction(tenant_id) as connection:
        conversation_id = await connection.fetchval(
            statement("settle/close_letter"), tenant_id, turn_id
        )
        if conversation_id is None:
            return False
        await audit.append(
            connection,
            tenant_id,
            actor=actor,
            action="DeadTurnLeft",
            subjects={"turn": turn_id, "conversation": conversation_id},
        )
    return True


async def replay_dead_turns(
    store: Store, tenant_id: UUID, *, actor: str, limit: int = _MOST_AT_ONCE
) -> dict[UUID, UUID]:
    """Replay every open dead turn, the oldest first; return their conversations by turn.

    Each is a transaction of its own. Left out is what somebody else replays at the same moment, and
    what belongs to a conversation that a human has. Raises RetryLater; what was replayed stays so.
    """
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("settle/open_letters"), tenant_id, limit)
    replayed: dict[UUID, UUID] = {}
    for row in rows:
        turn_id = row["turn_id"]
        try:
            replayed[turn_id] = await replay_dead_turn(store, tenant_id, turn_id, actor=actor)
        except NotFound:
            continue
    return replayed


async def _send_again(
    connection: Connection, tenant_id: UUID, seen: Sequence[Seen], actor: str
) -> list[UUID]:
    rows = await connection.fetch(
        statement("outbox/send_again"),
        tenant_id,
        [one.delivery_id for one in seen],
        [one.attempt for one in seen],
    )
    await _record(connection, tenant_id, rows, actor, "DeliverySentAgain")
    return [row["delivery_id"] for row in rows]


async def _record(
    connection: Connection,
    tenant_id: UUID,
    rows: Sequence[asyncpg.Record],
    actor: str,
    action: str,
) -> None:
    for row in rows:
        await audit.append(
            connection,
            tenant_id,
            actor=actor,
            action=action,
            subjects={"delivery": row["delivery_id"], "conversation": row["conversation_id"]},
        )
