"""An attempt that did nothing leaves what an earlier one left: in doubt, or certainly not sent."""

import asyncio
from typing import Any, cast

import pytest

from konstruct_gateway.background.delivering import Delivering
from konstruct_gateway.background.sender import Sender, _Sending
from konstruct_store import Store, outbox
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres


class _Nothing:
    """As much of Delivering as giving back needs."""

    def __init__(self, store: Store) -> None:
        self.store = store


@pytest.mark.parametrize(
    ("before", "begun", "in_doubt"),
    [
        ("the answer was lost", False, True),
        (outbox.NOT_SENT, False, False),
        (outbox.NOT_SENT, True, True),
    ],
)
async def test_what_is_given_back_is_in_doubt_as_before(
    gateway_store: Store, before: str, *, begun: bool, in_doubt: bool
) -> None:
    office = Office(gateway_store)
    await office.write(inbound("x"))
    await office.complete(await office.must_claim(), "hello", sends=True)
    [first] = await outbox.claim_deliveries(gateway_store)
    await outbox.retry_delivery(gateway_store, first, after_seconds=0, reason=before)
    [second] = await outbox.claim_deliveries(gateway_store)
    delivering = cast("Any", _Nothing(gateway_store))
    sender = Sender(cast("Delivering", delivering), 1.0, queued=asyncio.Event())
    await sender._give_back(_Sending(second, begun=begun))
    [third] = await outbox.claim_deliveries(gateway_store)
    assert third.in_doubt is in_doubt
