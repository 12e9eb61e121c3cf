"""A stuck vendor of one tenant leaves room for all others, and the end gives back what waits."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from konstruct_gateway.background.delivering import Delivering
from konstruct_gateway.background.holds import Holds
from konstruct_gateway.background.sender import Sender
from konstruct_gateway.edge.metrics import Metrics
from konstruct_store import Store
from konstruct_store.outbox import Delivery
from support.build import inbound, tenant_snapshot
from support.waiting import until
from support.working import Office

pytestmark = pytest.mark.postgres


@dataclass
class Stuck:
    """Delivers nothing, ever; `begun`: whether the vendor may have got something."""

    store: Store
    begun: bool = True
    holds: Holds = field(default_factory=Holds)
    metrics: Metrics = field(default_factory=Metrics)
    given: list[Delivery] = field(default_factory=list)

    async def deliver(self, delivery: Delivery, begins: Callable[[], None]) -> None:
        self.given.append(delivery)
        if self.begun:
            begins()
        await asyncio.Event().wait()

    def by_tenant(self) -> Counter[UUID]:
        return Counter(one.tenant_id for one in self.given)


def sender_of(stuck: Stuck) -> Sender:
    return Sender(cast("Delivering", stuck), poll_seconds=60.0, queued=asyncio.Event())


async def queue(office: Office, count: int) -> None:
    for number in range(count):
        await office.write(inbound("x", conversation_key=f"c{number}"))
        await office.complete(await office.must_claim(), "hello", sends=True)


async def rows(office: Office) -> list[tuple[Any, ...]]:
    found = await office.run("SELECT state, reason, held FROM konstruct.deliveries")
    return [tuple(row) for row in found]


async def test_a_tenant_whose_vendor_is_stuck_keeps_no_place_from_another(
    gateway_store: Store,
) -> None:
    stuck = Stuck(gateway_store)
    sender = sender_of(stuck)
    loud, quiet = (Office(gateway_store, tenant_snapshot(tenant_id=uuid4())) for _ in range(2))
    await queue(loud, 12)
    await sender.look()
    await until(lambda: stuck.by_tenant()[loud.tenant_id] == 8)
    await queue(quiet, 2)
    await sender.look()
    await until(lambda: stuck.by_tenant()[quiet.tenant_id] == 2)
    assert stuck.by_tenant()[loud.tenant_id] == 8
    await sender.drain(seconds=0)


@pytest.mark.parametrize(
    ("begun", "left"), [(False, ("Queued", "NotSent", 1)), (True, ("Queued", "Interrupted", 0))]
)
async def test_the_end_gives_back_what_was_claimed(
    gateway_store: Store,
    begun: bool,  # noqa: FBT001
    left: tuple[str, str, int],
) -> None:
    stuck = Stuck(gateway_store, begun=begun)
    sender = sender_of(stuck)
    office = Office(gateway_store)
    await queue(office, 1)
    await sender.look()
    await until(lambda: stuck.given)
    await sender.drain(seconds=0.1)
    assert await rows(office) == [left]
    await sender.look()
    assert len(stuck.given) == 1


async def test_what_is_queued_wakes_the_sender_at_once(gateway_store: Store) -> None:
    stuck = Stuck(gateway_store)
    sender = sender_of(stuck)
    waiting = asyncio.create_task(sender.round())
    await queue(Office(gateway_store), 1)
    sender.queued.set()
    await until(lambda: stuck.given, seconds=10)
    await waiting
    await sender.drain(seconds=0)
