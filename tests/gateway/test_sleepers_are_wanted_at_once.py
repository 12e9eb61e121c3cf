"""A message to a tenant that sleeps reaches the operator's poll at once, not at the next look."""

import asyncio
from uuid import UUID, uuid4

import pytest
from prometheus_client import Gauge

from konstruct_gateway.registry.demand import DemandBoard
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.work.waiting import Waiting
from konstruct_store import Store
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting


@pytest.mark.postgres
async def test_the_poll_ends_with_the_message(
    database: Database, gateway_store: Store, tenant: SampleTenant
) -> None:
    async with running_gateway(database.url("gateway")) as running:
        await tenant.register(running.internal_url)
        view = RegistryView(gateway_store)
        await view.refresh()
        board = DemandBoard(gateway_store, view, look_seconds=3600.0)
        running.gateway.parts.waiting.listen(board.wanted)
        quiet = await board.look()
        assert quiet.awake == ()
        poll = asyncio.create_task(board.wait(quiet.version, seconds=3600.0))
        async with visiting(running.url, "acme/website") as visitor:
            await visitor.say("wake up")
            woken = await asyncio.wait_for(poll, 60)
        assert woken.awake == (tenant.tenant_id,)


async def test_only_a_tenant_without_any_claim_is_told_of() -> None:
    told: list[UUID] = []
    waiting = Waiting(Gauge("waiting", "", registry=None))
    waiting.listen(told.append)
    awake, asleep = uuid4(), uuid4()
    waiter = waiting.join(awake)
    waiting.wake(awake)
    waiting.wake(awake)  # all that wait were woken: others are on their way
    waiting.wake(asleep)
    waiter.leave()
    assert told == [asleep]
