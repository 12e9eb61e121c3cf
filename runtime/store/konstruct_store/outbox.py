"""Outbox: replies on their way to vendors, in order per conversation, fenced by attempt."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg

from konstruct_messages.replies import Choice, DeliveryState, NoticeCode
from konstruct_store.errors import TurnLost
from konstruct_store.identifiers import new_id
from konstruct_store.replicas import LIVE_SECONDS
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of, enter

NOT_SENT = "NotSent"
"""The reason of an attempt that certainly brought the vendor nothing."""

_PER_TENANT = 8
_NOTHING: Mapping[UUID, int] = MappingProxyType({})


class Cause(StrEnum):
    """Why a delivery was refused or is held: what it says, or that nothing can be sent at all."""

    CONTENT = "Content"
    CREDENTIALS = "Credentials"
    CONNECTION = "Connection"
    GAVE_UP = "GaveUp"
    VENDOR = "Vendor"
    WINDOW = "Window"


@dataclass(frozen=True, slots=True)
class DeliveryFile:
    """What is known of a file on its way to a vendor."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a reply for a vendor.

    `in_doubt`: an earlier attempt may have reached the vendor: ask it first; `insists`: send it
    even where the vendor cannot be asked. With `choices` it is the question `ask_id`. `held`
    attempts brought the vendor nothing; `tried_seconds` ago it was tried first. `about_turn_id` is
    set where it is itself the word that a turn's reply could not be sent. `drafted`: the vendor
    may show a message of it that began before the reply was recorded (`vendor_id`, where known);
    `shown` is the SHA-256 of the text that this message shows in full. `ends_answer`: it is the
    last text of a turn's answer. With `media_id` it is that file; `file` is None where it is no
    longer kept. With `template` it is that one and no words of ours. `window_closed`: the vendor
    takes no words of ours since `window_ends_at`. `answers` is the vendor's id of the message that
    it answers, where the person wrote on since.
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
    ask_id: UUID | None = None
    choices: tuple[Choice, ...] = ()
    seq: int = 0
    language: str = ""
    held: int = 0
    tried_seconds: float = 0.0
    insists: bool = False
    about_turn_id: UUID | None = None
    drafted: bool = False
    shown: str = ""
    ends_answer: bool = False
    media_id: UUID | None = None
    file: DeliveryFile | None = None
    template: Mapping[str, Any] | None = None
    window_ends_at: datetime | None = None
    window_closed: bool = False
    answers: str = ""

    @property
    def tries(self) -> int:
        """How often it was handed to the vendor, with this time; what was held back is no try."""
        return self.attempt - self.held


async def claim_deliveries(
    store: Store,
    *,
    lease_seconds: float = 60,
    limit: int = 32,
    per_tenant: int = _PER_TENANT,
    busy: Mapping[UUID, int] = _NOTHING,
    held_back: Collection[UUID] = (),
    replica_id: UUID | None = None,
) -> list[Delivery]:
    """Claim the first open delivery of up to `limit` conversations, tenants in rotation.

    No tenant gets more than `per_tenant` at once, `busy` (what is being sent for each) included,
    and within a tenant its connections take turns; those `held_back` get none. A delivery whose
    lease ran out is claimed again with a higher attempt. `replica_id` is who claims, if that one
    announces that it lives: see `release_of_dead`. Raises RetryLater.
    """
    while True:
        found: list[Delivery] = []
        async with store.untenanted() as connection:
            rows = await connection.fetch(
                statement("outbox/lock_due"),
                *(float(lease_seconds), limit, per_tenant),
                *(list(busy), list(busy.values()), list(held_back), replica_id),
            )
            by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
            for row in rows:
                by_tenant[row["tenant_id"]].append(row["conversation_id"])
            for tenant_id, conversations in by_tenant.items():
                await enter(connection, tenant_id)
                found += await _take(connection, tenant_id, conversations)
        # Rows with nothing left to send are dropped above; what is due behind them comes next.
        if found or not rows:
            return found


async def release_of_dead(store: Store, *, dead_seconds: float = LIVE_SECONDS) -> int:
    """Let what dead replicas were sending be claimed before its lease ends; return how much.

    A replica is dead that announced nothing for `dead_seconds`: by then it must have ended its own
    calls (see `replicas.announce`). The next attempt is in doubt. Raises RetryLater.
    """
    async with store.untenanted() as connection:
        return len(await connection.fetch(statement("outbox/release"), float(dead_seconds)))


async def _take(
    connection: Connection, tenant_id: UUID, conversations: list[UUID]
) -> list[Delivery]:
    rows = await connection.fetch(statement("outbox/take"), tenant_id, conversations)
    if len(rows) < len(conversations):
        await connection.execute(statement("outbox/forget_done"), tenant_id, conversations)
    return [_delivery(tenant_id, row) for row in rows]


async def mark_sent(store: Store, delivery: Delivery, *, vendor_id: str = "") -> None:
    """Record that the vendor accepted it. Raises TurnLost when a later attempt has it.

    A vendor's receipt may have been quicker, and nothing is lost then.
    """
    try:
        await _settle(store, delivery, DeliveryState.SENT, vendor_id=vendor_id)
    except TurnLost:
        async with store.transaction(delivery.tenant_id) as connection:
            known = await connection.fetchval(
                statement("outbox/reported"),
                *(delivery.tenant_id, delivery.delivery_id, delivery.attempt, vendor_id),
            )
        if not known:
            raise


async def mark_refused(
    store: Store, delivery: Delivery, *, reason: str, cause: Cause = Cause.VENDOR, word: str = ""
) -> None:
    """Record that it will not be sent. Raises TurnLost when a later attempt has it.

    `word` is told to the person, once per turn and only of a reply that the agent gave.
    """
    await _settle(store, delivery, DeliveryState.REFUSED, reason=reason, cause=cause, word=word)


async def mark_unknown(store: Store, delivery: Delivery, *, reason: str, word: str = "") -> None:
    """Record that nobody can tell whether the vendor has it; what follows is not held up."""
    await _settle(store, delivery, DeliveryState.UNKNOWN, reason=reason, word=word)


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
            *(float(after_seconds), reason, delivery.insists),
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
    reason: str = "",
) -> bool:
    """Record what the vendor says became of its message; False when we do not know the message.

    `status` is sent, delivered or read; a later one wins, in whatever order they come. `refused`
    with a `reason`: the vendor took it and could not bring it.
    """
    async with store.transaction(tenant_id) as connection:
        done = await connection.execute(
            statement("outbox/receipt"),
            *(tenant_id, connection_id, vendor_id, status, refused, reason),
        )
    return count_of(done) > 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many deliveries (or dead turns) are in a state, and the age of the oldest."""

    state: str
    waiting: int
    oldest_seconds: float


async def backlog(store: Store) -> list[Backlog]:
    """Return what waits and what was not delivered, of all tenants together, by state.

    States are Queued, Sending, Refused, Unknown and Dead; the last three only while nobody has
    sent them again or left them. Raises RetryLater.
    """
    async with store.untenanted() as connection:
        rows = await connection.fetch(statement("outbox/state"))
    return [Backlog(row["state"], row["waiting"], row["oldest_seconds"]) for row in rows]


async def _settle(
    store: Store,
    delivery: Delivery,
    state: DeliveryState,
    *,
    vendor_id: str = "",
    reason: str = "",
    cause: str = "",
    word: str = "",
) -> None:
    tells = bool(word) and delivery.about_turn_id is None
    place = (delivery.tenant_id, delivery.conversation_id)
    async with store.transaction(delivery.tenant_id) as connection:
        if tells:
            await connection.fetchrow(statement("settle/lock_conversation"), *place)
        row = await connection.fetchrow(
            statement("outbox/settle"),
            *(delivery.tenant_id, delivery.delivery_id, delivery.attempt),
            *(state.value, vendor_id or None, reason, cause),
        )
        _require(row)
        if tells:
            payload = {"code": NoticeCode.UNDELIVERED.value, "text": word}
            await connection.fetchrow(
                statement("outbox/tell_failure"),
                *(*place, new_id(), delivery.turn_id, delivery.seq, payload, word),
            )


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
        drafted=row["drafted"],
        shown=row["shown"],
        ends_answer=row["ends_answer"] or False,
        media_id=row["media_id"],
        file=_file(row),
        ask_id=row["ask_id"],
        choices=tuple(Choice.model_validate(one) for one in row["choices"]),
        seq=row["seq"],
        language=row["language"],
        held=row["held"],
        tried_seconds=row["tried_seconds"],
        insists=row["insisted"],
        about_turn_id=row["about_turn_id"],
        template=row["template"],
        window_ends_at=row["window_ends_at"],
        window_closed=row["window_closed"],
        answers=row["answers"] or "",
    )


def _file(row: asyncpg.Record) -> DeliveryFile | None:
    if row["file_name"] is None:
        return None
    return DeliveryFile(row["file_name"], row["file_type"], row["file_size"], row["file_sha256"])
