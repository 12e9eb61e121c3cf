"""A claim that was never sent before waits without a look while nothing can be due."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import Gauge

from konstruct_gateway.work.waiting import Waiting
from konstruct_messages.turns import ClaimedTurn
from konstruct_store import Store
from konstruct_store.receive import receive
from support.build import inbound
from support.far_agent import WorkClient
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting
from support.waiting import until

TENANT = uuid4()


@asynccontextmanager
async def at_work(
    database: Database, tenant: SampleTenant
) -> AsyncIterator[tuple[RunningGateway, WorkClient]]:
    """Run a gateway that never asks by itself what is due, and know that nothing is."""
    async with running_gateway(database.url("gateway"), poll_seconds=3600.0) as running:
        await tenant.register(running.internal_url)
        async with httpx.AsyncClient(
            base_url=running.internal_url, timeout=60, trust_env=False
        ) as client:
            work = WorkClient(client, tenant.token)
            assert (await work.claim()).status_code == 204
            assert running.gateway.parts.waiting.quiet(tenant.tenant_id)
            yield running, work


async def write_unheard(store: Store, tenant: SampleTenant) -> None:
    """Store a message of which nobody tells the gateway."""
    snapshot = tenant.snapshot()
    agent, connection = snapshot.agents[0], snapshot.connections[0]
    await receive(
        store,
        tenant.tenant_id,
        connection.connection_id,
        agent.agent_id,
        [inbound("unheard")],
        agent_name=agent.display_name,
    )


@pytest.mark.postgres
async def test_a_fresh_claim_does_not_look_and_hears_of_the_next_message(
    database: Database, gateway_store: Store, tenant: SampleTenant
) -> None:
    async with at_work(database, tenant) as (running, work):
        await write_unheard(gateway_store, tenant)
        fresh = asyncio.create_task(work.claim(wait=30, fresh=True))
        await until(lambda: running.gateway.parts.waiting.tenants)
        looked = await work.claimed(wait=0)
        assert [one.text for one in looked.messages] == ["unheard"]
        assert not fresh.done()
        async with visiting(running.url, "acme/website") as visitor:
            await visitor.say("heard")
            answer = await asyncio.wait_for(fresh, 30)
        turn = ClaimedTurn.model_validate(answer.json())
        assert [one.text for one in turn.messages] == ["heard"]


@pytest.mark.postgres
@pytest.mark.parametrize("asked", [{"wait": 30.0}, {"wait": 0.0, "fresh": True}])
async def test_a_repeated_claim_and_one_that_does_not_wait_look(
    database: Database, gateway_store: Store, tenant: SampleTenant, asked: dict[str, Any]
) -> None:
    async with at_work(database, tenant) as (_running, work):
        await write_unheard(gateway_store, tenant)
        answer = await asyncio.wait_for(work.claim(**asked), 30)
        assert answer.status_code == 200


@pytest.mark.postgres
async def test_what_came_meanwhile_is_looked_for(database: Database, tenant: SampleTenant) -> None:
    async with at_work(database, tenant) as (running, work):
        async with visiting(running.url, "acme/website") as visitor:
            await visitor.say("first")
            turn = await work.claimed()
            await visitor.say("second")
            await work.complete(turn, "answer to the first")
            answer = await asyncio.wait_for(work.claim(wait=30, fresh=True), 30)
        following = ClaimedTurn.model_validate(answer.json())
        assert [one.text for one in following.messages] == ["second"]


async def test_news_during_a_look_make_the_next_one_look() -> None:
    waiting = Waiting(Gauge("waiting", "", registry=None))
    before = waiting.news(TENANT)
    waiting.wake(TENANT)
    waiting.nothing_more(TENANT, before)
    assert not waiting.quiet(TENANT)
    waiting.nothing_more(TENANT, waiting.news(TENANT))
    assert waiting.quiet(TENANT)
    waiting.mark(TENANT)
    assert not waiting.quiet(TENANT)


async def test_one_tenants_news_are_not_anothers() -> None:
    waiting = Waiting(Gauge("waiting", "", registry=None))
    other = uuid4()
    waiting.nothing_more(TENANT, waiting.news(TENANT))
    waiting.wake(other)
    assert waiting.quiet(TENANT)
    assert not waiting.quiet(other)
