"""Receipts: what a vendor says became of our messages, many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct_store.outbox import Cause
from konstruct_store.statements import statement
from konstruct_store.store import Store


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one message. `delivery_id` is our own mark on it, where it came back.

    `status` is sent, delivered, read or failed; with failed, `cause` and `reason` say why.
    """

    vendor_id: str
    status: str
    delivery_id: UUID | None = None
    cause: Cause = Cause.VENDOR
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """The delivery that a receipt is of; `changed`: it said more than was known."""

    delivery_id: UUID
    changed: bool


async def take(
    store: Store, tenant_id: UUID, connection_id: UUID, receipts: Sequence[Said]
) -> list[Taken | None]:
    """Record receipts and return what each is of; None: of nothing that we sent.

    They come in any order and repeatedly: the highest wins, and failed ends all. Raises RetryLater.
    """
    rows = [
        {
            "n": number,
            "vendor_id": one.vendor_id,
            "delivery_id": str(one.delivery_id) if one.delivery_id is not None else None,
            "status": one.status,
            "cause": one.cause.value,
            "reason": one.reason,
        }
        for number, one in enumerate(receipts)
    ]
    async with store.transaction(tenant_id) as connection:
        found = await connection.fetch(statement("outbox/receipts"), tenant_id, connection_id, rows)
    taken: list[Taken | None] = [None] * len(receipts)
    for row in found:
        taken[row["n"]] = Taken(row["found_id"], row["changed"])
    return taken
