"""Outbox: replies on their way to vendors, in order per conversation, fenced by attempt."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from konstruct_messages.replies import DeliveryState
from konstruct_store.errors import TurnLost
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of, enter

NOT_SENT = "NotSent"
"""The reason of an attempt that certainly brought the vendor nothing."""

_PER_TENANT = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a reply for a vendor.

    `in_doubt`: an earlier attempt may have reached the vendor: ask it first.
    """

    tenant_id: UUID
    delivery_id: UUID
    conversation_id: UUID
    conversation_key: str
    person_key: str
    connection_id: UUID
    turn_id: UUID
    part: int
    text: str
    attempt: int
    vendor_id: str | None
    queued_at: datetime
    agent_id: UUID | None = None
    in_doubt: bool = False


async def claim_deliveries(
    store: Store, *, lease_seconds: float = 60, limit: int = 32, per_tenant: int = _PER_TENANT
) -> list[Delivery]:
    """Claim the first open delivery of up to `limit` conversations, `per_tenant` of each tenant.

    A delivery whose lease ran out is claimed again with a higher attempt. Raises RetryLater.
    """
    found: list[Delivery] = []
    async with store.untenanted() as connection:
        rows = await connection.fetch(
            statement("outbox/lock_due"), float(lease_seconds), limit, per_tenant
        )
        by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
        for row in rows:
            by_tenant[row["tenant_id"]].append(row["conversation_id"])
        for tenant_id, conversations in by_tenant.items():
            await enter(connection, tenant_id)
            found += await _take(connection, tenant_id, conversations)
    return found


async def _take(
    connection: Connection, tenant_id: UUID, conversations: list[UUID]
) -> list[Delivery]:
    rows = await connection.fetch(statement("outbox/take"), tenant_id, conversations)
    if len(rows) < len(conversations):
        await connection.execute(statement("outbox/forget_done"), tenant_id, conversations)
    return [_delivery(tenant_id, row) for row in rows]


async def mark_sent(store: Store, delivery: Delivery, *, vendor_id: str = "") -> None:
    """Record that the vendor accepted it. Raises TurnLost when a later attempt has it."""
    await _settle(store, delivery, DeliveryState.SENT, vendor_id=vendor_id)


async def mark_refused(store: Store, delivery: Delivery, *, reason: str) -> None:
    """Record that the vendor will never accept it. Raises TurnLost when a later attempt has it."""
    await _settle(store, delivery, DeliveryState.REFUSED, reason=reason)


async def mark_unknown(store: Store, delivery: Delivery, *, reason: str) -> None:
    """Record that nobody can tell whether the vendor has it; what follows is not held up."""
    await _settle(store, delivery, DeliveryState.UNKNOWN, reason=reason)


async def retry_delivery(
    store: Store, delivery: Delivery, *, after_seconds: float, reason: str = NOT_SENT
) -> None:
    """Try again later. Raises TurnLost.

    NOT_SENT says that the vendor certainly does not have it; after any other reason the next
    attempt is in doubt.
    """
    async with store.transaction(delivery.tenant_id) as connection:
        row = await connection.fetchrow(
            statement("outbox/retry"),
            *(delivery.tenant_id, delivery.delivery_id, delivery.attempt),
            *(float(after_seconds), reason),
        )
    _require(row)


async def note_vendor_id(store: Store, delivery: Delivery, vendor_id: str) -> None:
    """Remember the vendor's id of a delivery in the making. Raises TurnLost."""
    async with store.transaction(delivery.tenant_id) as connection:
        status = await connection.execute(
            statement("outbox/note_vendor_id"),
            *(delivery.tenant_id, delivery.delivery_id, delivery.attempt, vendor_id),
        )
    _require(count_of(status) or None)


async def receipt(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    *,
    vendor_id: str,
    status: str,
    refused: bool = False,
) -> bool:
    """Record what the vendor says became of its message; False when we do not know the message."""
    async with store.transaction(tenant_id) as connection:
        done = await connection.execute(
            statement("outbox/receipt"), tenant_id, connection_id, vendor_id, status, refused
        )
    return count_of(done) > 0


async def _settle(
    store: Store, delivery: Delivery, state: DeliveryState, *, vendor_id: str = "", reason: str = ""
) -> None:
    async with store.transaction(delivery.tenant_id) as connection:
        row = await connection.fetchrow(
            statement("outbox/settle"),
            *(delivery.tenant_id, delivery.delivery_id, delivery.attempt),
            *(state.value, vendor_id or None, reason),
        )
    _require(row)


def _require(found: object | None) -> None:
    if found is None:
        raise TurnLost("A later attempt has the delivery, or it is settled.")


def _delivery(tenant_id: UUID, row: asyncpg.Record) -> Delivery:
    return Delivery(
        tenant_id=tenant_id,
        delivery_id=row["delivery_id"],
        conversation_id=row["conversation_id"],
        conversation_key=row["conversation_key"],
        person_key=row["person_key"],
        connection_id=row["connection_id"],
        turn_id=row["turn_id"],
        part=row["part"],
        text=row["text"],
        attempt=row["attempt"],
        vendor_id=row["vendor_id"],
        queued_at=row["queued_at"],
        agent_id=row["agent_id"],
        in_doubt=row["attempt"] > 1 and row["reason"] != NOT_SENT,
    )
