"""Statuses: in any order, repeated, for messages of ours and of others."""

import asyncio
import itertools
from typing import Any

import pytest

from konstruct_channels.errors import SendUnclear
from konstruct_channels.outbound import Outgoing
from support.gateways import SampleTenant
from support.postgres import Database
from support.whatsapp_events import EVA, merged
from support.whatsapp_house import WhatsAppHouse, whatsapp_house

pytestmark = pytest.mark.postgres

UNDELIVERABLE = [{"code": 131026, "title": "Message undeliverable"}]


async def deliveries(house: WhatsAppHouse) -> list[tuple[str, str]]:
    rows = await house.rows("SELECT state, receipt FROM konstruct.deliveries ORDER BY queued_at")
    return [(row["state"], row["receipt"]) for row in rows]


async def test_the_highest_status_wins_in_whatever_order_they_come(
    database: Database, tenant: SampleTenant
) -> None:
    orders = [*itertools.permutations(("sent", "delivered", "read"))]
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        for number in range(len(orders)):
            await house.caller.deliver(events.text(f"question {number}"))
            await house.settled(number + 1)
        for (vendor_id, _), order in zip(house.far.sent, orders, strict=True):
            for status in order:
                answer = await house.caller.deliver(events.status(vendor_id, status))
                assert answer.status_code == 200
        assert await deliveries(house) == [("Sent", "read")] * len(orders)
        # All of them again, in one delivery.
        again = [events.status(one, "sent") for one, _ in house.far.sent]
        await house.caller.deliver(merged([*again, events.status("wamid.OTHERS", "read")]))
        assert await deliveries(house) == [("Sent", "read")] * len(orders)
        assert await house.ignored() == {"receipt_of_another": 1}


async def test_failed_is_the_end(database: Database, tenant: SampleTenant) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("hello"))
        await house.settled(1)
        [(vendor_id, _)] = house.far.sent
        failed = events.status(vendor_id, "failed", errors=UNDELIVERABLE)
        await house.caller.deliver(merged([failed, events.status(vendor_id, "delivered")]))
        await house.caller.deliver(events.status(vendor_id, "sent"))
        assert await deliveries(house) == [("Refused", "failed")]
        [row] = await house.rows("SELECT reason, cause FROM konstruct.deliveries")
        assert "131026" in row["reason"]
        # The next answer goes out all the same.
        await house.caller.deliver(events.text("again"))
        assert (await house.settled(2))[-1] == "You said: again"


async def test_our_own_mark_settles_what_nobody_had_an_answer_to(
    database: Database, tenant: SampleTenant
) -> None:
    lost: list[Outgoing] = []

    def lose(outgoing: Outgoing) -> Exception | None:
        lost.append(outgoing)
        return SendUnclear("the answer was lost", after_seconds=300.0)

    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        house.far.problem = lose
        await house.caller.deliver(events.text("hello"))
        async with asyncio.timeout(30):
            while not await _waiting(house):  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.05)
        house.far.problem = lambda _outgoing: None
        mark: dict[str, Any] = {"biz_opaque_callback_data": str(lost[0].delivery_id)}
        await house.caller.deliver(events.status("wamid.ARRIVED", "delivered", **mark))
        assert await deliveries(house) == [("Sent", "delivered")]
        await house.caller.deliver(events.status("wamid.ARRIVED", "read", reader=EVA))
        assert await deliveries(house) == [("Sent", "read")]
        # It was sent once, and what comes behind it is not held up.
        await house.caller.deliver(events.text("and?"))
        assert await house.settled(1) == ["You said: and?"]
        assert len(lost) == 1


async def _waiting(house: WhatsAppHouse) -> bool:
    rows = await house.rows(
        "SELECT FROM konstruct.deliveries WHERE state = 'Queued' AND attempt = 1"
    )
    return bool(rows)
