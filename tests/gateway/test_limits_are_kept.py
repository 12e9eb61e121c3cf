import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client import Gauge

from konstruct_gateway.background.later import Expected, Later
from konstruct_gateway.edge.rates import Counts, Rates
from konstruct_gateway.work.waiting import Waiting
from support.chatting import chatting, take_ticket
from support.far_agent import WorkClient
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database


def test_a_bucket_refills_with_time() -> None:
    now = [100.0]
    rates = Rates(per_second=2, burst=3, clock=lambda: now[0])
    assert [rates.take("a") for _ in range(4)] == [True, True, True, False]
    assert rates.take("b")
    now[0] += 0.5
    assert [rates.take("a") for _ in range(2)] == [True, False]
    now[0] += 3600
    assert [rates.take("a") for _ in range(4)] == [True, True, True, False]


def test_forgetting_a_bucket_favours_its_caller() -> None:
    rates = Rates(per_second=0.001, burst=1, keys=2)
    assert rates.take("a")
    assert not rates.take("a")
    for key in ("b", "c"):
        rates.take(key)
    assert rates.take("a")


def test_what_is_given_back_may_be_taken_again() -> None:
    counts = Counts(2)
    assert [counts.take("a") for _ in range(3)] == [True, True, False]
    counts.give("a")
    assert counts.take("a")
    assert counts.take("b")


def test_only_waits_that_last_too_long_are_announced() -> None:
    now = [0.0]
    later = Later(seconds=60, clock=lambda: now[0])
    waits = [Expected(uuid4(), uuid4(), number, ("en",)) for number in range(3)]
    for wait in waits:
        later.expect(wait)
        now[0] += 1
    later.expect(Expected(waits[0].tenant_id, waits[0].conversation_id, 9, ("en",)))
    later.answered(waits[1].conversation_id)
    now[0] = 60.5
    assert later.take_due() == [waits[0]]
    now[0] = 200
    assert later.take_due() == [waits[2]]
    assert later.take_due() == []


async def test_one_wake_up_reaches_one_waiter_the_longest_waiting_first() -> None:
    waiting = Waiting(Gauge("waiting", "", registry=None))
    tenant, other = uuid4(), uuid4()
    first, second, stranger = [waiting.join(one) for one in (tenant, tenant, other)]
    waiting.wake(tenant)
    assert [one.woken.done() for one in (first, second, stranger)] == [True, False, False]
    waiting.wake(tenant)
    assert second.woken.done()
    assert not stranger.woken.done()
    for one in (first, second):
        one.leave()
    assert waiting.tenants == [other]
    waiting.wake(other, after_seconds=0.01)
    await asyncio.wait_for(stranger.woken, 1)


@pytest.mark.postgres
async def test_a_tenant_with_too_much_on_its_way_is_told_to_come_again(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(
        database.url("gateway"), max_receiving_per_tenant=1, database_connections=2
    ) as running:
        await tenant.register(running.internal_url)
        tickets = [await take_ticket(running.url, "acme/website") for _ in range(8)]
        answers = await asyncio.gather(*(_say_once(running, one["ticket"]) for one in tickets))
        kinds = {answer["type"] for answer in answers}
        assert kinds <= {"accepted", "error"}
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert all(answer["code"] == "try_again" for answer in refused)
        # Whoever comes again is taken.
        assert (await _say_once(running, tickets[0]["ticket"]))["type"] == "accepted"


async def _say_once(running: RunningGateway, ticket: str) -> dict[str, Any]:
    async with chatting(running.url, "acme/website", ticket) as chat:
        await chat.send({"type": "message", "id": "m-1", "text": "hello"})
        return await chat.next()


@pytest.mark.postgres
async def test_waiting_claims_and_requests_of_one_tenant_are_capped(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(
        database.url("gateway"), max_waiting_per_tenant=2, work_burst=6, work_per_second=0.001
    ) as running:
        await tenant.register(running.internal_url)
        async with httpx.AsyncClient(
            base_url=running.internal_url, timeout=40, trust_env=False
        ) as client:
            work = WorkClient(client, tenant.token)
            waits = [asyncio.create_task(work.claim(wait=1)) for _ in range(4)]
            statuses = sorted([(await one).status_code for one in waits])
            assert statuses == [204, 204, 503, 503]
            rest = [(await work.heartbeat()).status_code for _ in range(4)]
            assert rest == [200, 200, 429, 429]


@pytest.mark.postgres
async def test_waiting_costs_no_sql_and_a_wait_ends_in_time(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with httpx.AsyncClient(
        base_url=running.internal_url, timeout=40, trust_env=False
    ) as client:
        work = WorkClient(client, tenant.token)
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await work.claim(wait=1.5)
        assert answer.status_code == 204
        assert 1.4 < loop.time() - began < 3
        assert running.gateway.parts.waiting.tenants == []


@pytest.mark.postgres
async def test_metrics_say_what_happened_and_name_nobody(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    given = await take_ticket(running.url, "acme/website")
    assert (await _say_once(running, given["ticket"]))["type"] == "accepted"
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{running.internal_url}/metrics")).text
        assert (await client.get(f"{running.url}/metrics")).status_code == 404
    assert 'konstruct_gateway_messages_total{channel="WebChat",repeated="False"} 1.0' in text
    assert "konstruct_gateway_acknowledge_seconds_bucket" in text
    assert "acme" not in text
    assert str(UUID(int=tenant.tenant_id.int)) not in text
