"""What vendors report of messages they took: it arrived, was read, failed after all, is charged.

Reports come in any order and again; recording one twice changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from konstruct_messages.replies import NoticeCode
from konstruct_store.identifiers import new_id
from konstruct_store.outbox import Cause
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store
from konstruct_store.windows import Reopening, reopen

_RANKS: Mapping[str, int] = MappingProxyType({"sent": 1, "failed": 2, "delivered": 3, "read": 4})
_FAILED = "failed"
_ARRIVED = frozenset({"delivered", "read"})
_UNSETTLED = frozenset({"Queued", "Sending", "Unknown"})


class Outcome(StrEnum):
    """What a failure makes of a delivery; NONE for what did not fail."""

    NONE = ""
    REFUSED = "Refused"
    HELD = "Held"
    QUEUED = "Queued"


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `receipt` is sent, delivered, read or failed; `delivery_id` is our own mark.

    `category` and `billable` say under what the vendor charges it; empty and None where unsaid.
    """

    vendor_id: str
    receipt: str
    delivery_id: UUID | None = None
    outcome: Outcome = Outcome.NONE
    cause: Cause | None = None
    reason: str = ""
    pause_seconds: float = 0.0
    category: str = ""
    billable: bool | None = None


@dataclass(frozen=True, slots=True)
class Charged:
    """A message of ours that is charged for, to be priced."""

    conversation_key: str
    category: str
    billable: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of reports. `unknown`: how many speak of no delivery of this connection.

    `settled`: how many deliveries whose fate was open they settled; `queued`: something is due;
    `failures`: what became of each delivery that failed after all.
    """

    unknown: int = 0
    settled: int = 0
    queued: bool = False
    failures: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from reports beyond the deliveries themselves.

    `price` returns micro-USD, or None where nobody said what it costs; `counted_as` is what it is
    counted under beside models. `word` is told to a person whose reply was refused for its content,
    by the person's language.
    """

    price: Callable[[Charged], int | None]
    counted_as: str
    time_zone: str
    word: Callable[[str], str]
    reopening: Reopening | None = None


async def take(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    reports: Sequence[Report],
    consequences: Consequences,
) -> Taken:
    """Record reports of one connection's messages, in one transaction. Raises RetryLater."""
    told = [
        {"n": n, "delivery_id": _text(one.delivery_id), "vendor_id": one.vendor_id}
        for n, one in enumerate(reports)
    ]
    async with store.transaction(tenant_id) as connection:
        known = await connection.fetch(statement("reports/known"), tenant_id, connection_id, told)
        folded = _fold(reports, known)
        open_ones = [
            row["delivery_id"]
            for row in known
            if row["state"] in _UNSETTLED or folded[row["delivery_id"]].outcome
        ]
        if open_ones:
            places = {row["conversation_id"] for row in known if row["delivery_id"] in open_ones}
            await connection.fetch(statement("reports/lock"), tenant_id, sorted(places))
        changed = await connection.fetch(
            statement("reports/take"),
            *(tenant_id, [_row(key, folded[key]) for key in sorted(folded)], open_ones),
        )
        for row in changed:
            await _follow(connection, tenant_id, row, consequences)
        await _charge(connection, tenant_id, changed, consequences)
    return Taken(
        unknown=len(reports) - len({row["n"] for row in known}),
        settled=len([row for row in changed if row["delivery_id"] in open_ones]),
        queued=bool(open_ones),
        failures=tuple(Outcome(row["state"]) for row in changed if row["outcome"]),
    )


def _fold(reports: Sequence[Report], known: Sequence[asyncpg.Record]) -> dict[UUID, Report]:
    """Return what all reports of a delivery say together: the highest, or the first failure."""
    folded: dict[UUID, Report] = {}
    for row in known:
        one, before = reports[row["n"]], folded.get(row["delivery_id"])
        if before is None:
            folded[row["delivery_id"]] = one
            continue
        higher = _RANKS[one.receipt] > _RANKS[before.receipt] and before.receipt != _FAILED
        high, low = (one, before) if higher else (before, one)
        folded[row["delivery_id"]] = (
            high
            if high.category or not low.category
            else replace(high, category=low.category, billable=low.billable)
        )
    return folded


def _row(delivery_id: UUID, one: Report) -> dict[str, Any]:
    return {
        "delivery_id": str(delivery_id),
        "vendor_id": one.vendor_id,
        "receipt": one.receipt,
        "outcome": one.outcome.value,
        "cause": one.cause.value if one.cause is not None else "",
        "reason": one.reason,
        "pause": one.pause_seconds,
        "category": one.category,
        "billable": one.billable,
    }


async def _follow(
    connection: Connection, tenant_id: UUID, row: asyncpg.Record, consequences: Consequences
) -> None:
    """Tell the person of what was refused for its content, and ask for an answer by a template."""
    if row["state"] == Outcome.HELD:
        await reopen(connection, tenant_id, row["conversation_id"], consequences.reopening)
    refused = row["outcome"] == Outcome.REFUSED and row["state"] == Outcome.REFUSED
    if refused and row["cause"] == Cause.CONTENT and row["about_turn_id"] is None:
        word = consequences.word(row["language"])
        await connection.fetchrow(
            statement("outbox/tell_failure"),
            *(tenant_id, row["conversation_id"], new_id(), row["turn_id"], row["seq"]),
            *({"code": NoticeCode.UNDELIVERED.value, "text": word}, word),
        )


async def _charge(
    connection: Connection,
    tenant_id: UUID,
    changed: Sequence[asyncpg.Record],
    consequences: Consequences,
) -> None:
    """Book what arrived: a vendor charges for that and for nothing else."""
    charged = [row for row in changed if row["receipt"] in _ARRIVED and row["charge_category"]]
    if not charged:
        return
    zone = consequences.time_zone
    month = await connection.fetchval(statement("usage/lock_tenant"), tenant_id, zone)
    for row in charged:
        message = Charged(row["conversation_key"], row["charge_category"], bool(row["billable"]))
        cost = consequences.price(message) if message.billable else 0
        await connection.execute(
            statement("usage/charge"),
            *(tenant_id, uuid5(row["delivery_id"], row["vendor_id"]), zone, month),
            *(row["agent_id"], row["person_id"], row["turn_id"], row["delivery_id"]),
            f"{consequences.counted_as} {message.category}",
            *(message.category, message.billable, cost is not None, cost or 0),
        )


def _text(delivery_id: UUID | None) -> str | None:
    return str(delivery_id) if delivery_id is not None else None
