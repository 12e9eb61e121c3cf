"""What needs a person's eye: messages that nobody answered, answers that did not arrive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from konstruct_messages.replies import DeliveryState
from konstruct_messages.turns import ConversationMode
from konstruct_store.statements import statement
from konstruct_store.store import Store

EXPIRED_DAYS = 7
"""How long messages that expired are counted."""

_MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as pages show it.

    `attempt` is the fence for sending it again; `tries` is how often a vendor was given it.
    """

    delivery_id: UUID
    conversation_id: UUID
    connection_id: UUID
    turn_id: UUID
    seq: int
    part: int
    state: DeliveryState
    text: str
    cause: str
    reason: str
    attempt: int
    tries: int
    receipt: str
    receipt_at: datetime | None
    queued_at: datetime
    sending_at: datetime | None
    settled_at: datetime | None
    sent_again: int
    closed_at: datetime | None
    person_name: str


@dataclass(frozen=True, slots=True)
class OpenDeadTurn:
    """A turn that ended with an apology, and what it was to answer."""

    turn_id: UUID
    conversation_id: UUID
    connection_id: UUID
    agent_id: UUID
    person_name: str
    mode: ConversationMode
    reason: str
    attempts: int
    died_at: datetime
    asked: str


@dataclass(frozen=True, slots=True)
class Attention:
    """How much of a tenant needs a person; `waiting` deliveries need none yet.

    `expired` messages waited too long for somebody suspended, in the last seven days.
    """

    refused: int = 0
    unknown: int = 0
    dead: int = 0
    with_human: int = 0
    waiting: int = 0
    expired: int = 0


async def attention(store: Store, tenant_id: UUID) -> Attention:
    """Return how much of a tenant needs a person."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("portal/attention"), tenant_id, float(EXPIRED_DAYS)
        )
    return Attention(**dict(row))


async def deliveries_of(
    store: Store, tenant_id: UUID, conversation_id: UUID, *, from_seq: int = 0
) -> list[DeliveryRow]:
    """Return what became of a conversation's messages from a seq on, in their order."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("portal/deliveries"), tenant_id, conversation_id, from_seq, _MOST_SHOWN
        )
    return [_delivery(row) for row in rows]


async def undelivered(
    store: Store, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
) -> list[DeliveryRow]:
    """Return refused and unknown deliveries that nobody has dealt with, the latest first."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("portal/undelivered"), tenant_id, before, limit)
    return [_delivery(row) for row in rows]


async def open_dead_turns(
    store: Store, tenant_id: UUID, *, before: datetime | None = None, limit: int = 50
) -> list[OpenDeadTurn]:
    """Return dead turns that nobody has dealt with, the latest first."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("portal/open_dead_turns"), tenant_id, before, limit)
    return [OpenDeadTurn(**{**dict(row), "mode": ConversationMode(row["mode"])}) for row in rows]


async def stuck_connections(store: Store, tenant_id: UUID) -> Mapping[UUID, int]:
    """Return how much each connection could not send at all; only those where it is something."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("portal/stuck_connections"), tenant_id)
    return {row["connection_id"]: row["refused"] for row in rows}


async def troubles_of(
    store: Store, tenant_id: UUID, conversations: Sequence[UUID]
) -> Mapping[UUID, frozenset[str]]:
    """Return what is wrong in each of these conversations: Dead, Refused or Unknown."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("portal/troubles_of"), tenant_id, list(conversations)
        )
    found: dict[UUID, frozenset[str]] = {}
    for row in rows:
        known = found.get(row["conversation_id"], frozenset())
        found[row["conversation_id"]] = known | {row["trouble"]}
    return found


def _delivery(row: asyncpg.Record) -> DeliveryRow:
    return DeliveryRow(**{**dict(row), "state": DeliveryState(row["state"])})
