import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from support.chatting import chatting, take_ticket
from support.desk import act, desk_ticket
from support.far_agent import FarAgentTurn, WorkClient, far_agent
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def two_replicas(
    database: Database, tenant: SampleTenant
) -> AsyncIterator[tuple[RunningGateway, RunningGateway]]:
    """Run two gateways on one database that know of each other."""
    url = database.url("gateway")
    async with (
        running_gateway(url, among_replicas=True, poll_seconds=0.2) as one,
        running_gateway(url, among_replicas=True, poll_seconds=0.2) as two,
    ):
        await tenant.register(one.internal_url)
        views = [running.gateway.parts for running in (one, two)]
        await until(lambda: all(not parts.replicas.alone for parts in views))
        await until(lambda: all(tenant.tenant_id in parts.view.tenants for parts in views))
        yield one, two


async def test_a_socket_here_and_an_agent_there_share_deltas_and_reply(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str:
        await given.work.note(given.turn, "Thinking")
        await given.work.deltas(given.turn, ["one ", "two ", "three"])
        await asyncio.sleep(0.05)
        return "one two three"

    async with (
        two_replicas(database, tenant) as (here, there),
        far_agent(there.internal_url, tenant.token, script),
        visiting(here.url, "acme/website") as visitor,
    ):
        await asyncio.sleep(0.3)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await visitor.ask("count")
        first = loop.time() - began
        await visitor.ask("again")
    kinds = [frame["type"] for _, frame in visitor.frames]
    assert kinds[:7] == ["accepted", "typing", "step", "delta", "delta", "delta", "reply"]
    # Found through a hint, not through the poll of the waiting agents or the socket.
    assert first < 0.8


async def test_two_tabs_on_two_replicas_hear_each_other(
    database: Database, tenant: SampleTenant
) -> None:
    async with two_replicas(database, tenant) as (here, there):
        given = await take_ticket(here.url, "acme/website")
        other = await take_ticket(there.url, "acme/website", resume=given["resume"])
        first = chatting(here.url, "acme/website", given["ticket"], conversation="c-1")
        second = chatting(there.url, "acme/website", other["ticket"], conversation="c-1")
        async with first as one, second as two:
            for number in range(5):
                speaker, hearer = (one, two) if number % 2 else (two, one)
                message = {"type": "message", "id": f"m-{number}", "text": f"text {number}"}
                await speaker.send(message)
                assert (await speaker.next())["type"] == "accepted"
                said = await hearer.next(seconds=2)
                assert (said["type"], said["id"], said["seq"]) == (
                    "said",
                    f"m-{number}",
                    number + 1,
                )


async def test_a_replica_that_nobody_can_tell_is_only_slower(
    database: Database, tenant: SampleTenant
) -> None:
    url = database.url("gateway")
    async with (
        running_gateway(url, poll_seconds=0.2) as here,
        running_gateway(url, poll_seconds=0.2) as there,
    ):
        await tenant.register(here.internal_url)
        await until(lambda: tenant.tenant_id in there.gateway.parts.view.tenants)
        async with (
            far_agent(there.internal_url, tenant.token),
            visiting(here.url, "acme/website") as visitor,
        ):
            reply = await visitor.ask("hello", seconds=10)
    assert reply["text"] == "You said: hello"


async def test_a_replica_that_goes_sends_its_sockets_and_claims_elsewhere(
    database: Database, tenant: SampleTenant
) -> None:
    async with two_replicas(database, tenant) as (here, there):
        given = await take_ticket(here.url, "acme/website")
        async with (
            chatting(here.url, "acme/website", given["ticket"]) as chat,
            httpx.AsyncClient(base_url=here.internal_url, timeout=40, trust_env=False) as client,
        ):
            waiting = asyncio.create_task(WorkClient(client, tenant.token).claim(wait=30))
            demand = asyncio.create_task(_demand(here))
            await until(lambda: here.gateway.parts.waiting.tenants)
            await here.gateway.say_goodbye()
            assert await chat.close_code(seconds=2) == 1012
            assert (await asyncio.wait_for(waiting, 2)).status_code == 204
            await asyncio.wait_for(demand, 3)
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/healthz")).status_code == 200
        given = await take_ticket(there.url, "acme/website", resume=given["resume"])
        async with chatting(there.url, "acme/website", given["ticket"]) as chat:
            assert chat.ready["agent"] == "Ana"


async def _demand(running: RunningGateway) -> None:
    async with httpx.AsyncClient(
        base_url=running.internal_url,
        headers={"Authorization": "Bearer registry-token-of-the-tests"},
        timeout=40,
        trust_env=False,
    ) as client:
        first = (await client.get("/internal/registry/demand")).json()
        query = {"version": first["version"], "waitSeconds": "30"}
        await client.get("/internal/registry/demand", params=query)


async def test_a_human_at_one_replica_answers_a_socket_of_another(
    database: Database, tenant: SampleTenant
) -> None:
    async with (
        two_replicas(database, tenant) as (here, there),
        far_agent(there.internal_url, tenant.token) as agent,
        visiting(here.url, "acme/website") as visitor,
    ):
        await visitor.ask("hello")
        conversation, ticket = agent.turns[0].conversation_id, desk_ticket(tenant)
        await act(there, conversation, ticket, action="take")
        await act(there, conversation, ticket, action="write", id="one", text="I am Eva.")
        _, reply = await visitor.wait_for("reply", 2, seconds=5)
        assert (reply["agent"], reply["text"]) == ("Eva", "I am Eva.")
