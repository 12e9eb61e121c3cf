import asyncio

import httpx
import pytest

from konstruct_registry.snapshot import OperatingMode
from support.far_agent import WorkClient, far_agent
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.visitor import visiting

pytestmark = pytest.mark.postgres


async def test_a_suspended_tenant_keeps_messages_says_so_once_and_answers_later(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    tenant.suspended()
    tenant.over["language"] = "pt-BR"
    await tenant.register(running.internal_url)
    async with (
        far_agent(running.internal_url, tenant.token) as agent,
        visiting(running.url, "acme/website") as visitor,
    ):
        for number in range(3):
            await visitor.say(f"text {number}")
        await visitor.wait_for("accepted", 3)
        _, notice = await visitor.wait_for("notice")
        await asyncio.sleep(1.3)
        assert agent.turns == []
        tenant.resumed()
        await tenant.register(running.internal_url)
        _, reply = await visitor.wait_for("reply")
    assert (notice["code"], notice["text"]) == (
        "Suspended",
        "No momento ninguém responde aqui. Sua mensagem foi guardada.",
    )
    assert visitor.count("notice") == 1
    assert [line.text for line in agent.turns[0].messages] == ["text 0", "text 1", "text 2"]
    assert reply["text"].startswith("You said: text 0")


async def test_a_long_wait_is_announced_and_nothing_is_cancelled(
    database: Database, tenant: SampleTenant
) -> None:
    async with running_gateway(database.url("gateway"), later_seconds=0.3) as running:
        await tenant.register(running.internal_url)
        async with (
            httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client,
            visiting(running.url, "acme/website") as visitor,
        ):
            work = WorkClient(client, tenant.token)
            await visitor.say("hello")
            turn = await work.claimed()
            _, notice = await visitor.wait_for("notice", seconds=5)
            await asyncio.sleep(0.6)
            assert (await work.complete(turn, "at last")).status_code == 200
            _, reply = await visitor.wait_for("reply")
            await visitor.say("quick")
            turn = await work.claimed()
            assert (await work.complete(turn, "quick")).status_code == 200
            await asyncio.sleep(0.6)
    assert notice["code"] == "Later"
    assert reply["text"] == "at last"
    assert (notice["seq"], reply["seq"]) == (2, 3)
    assert visitor.count("notice") == 1


async def test_a_suspended_agent_keeps_messages_while_its_colleague_answers(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    resting = tenant.agent("ana", operating_mode=OperatingMode.SUSPENDED)
    tenant.over["agents"] = (resting, tenant.agent("bert"))
    tenant.over["connections"] = (
        tenant.connection("website"),
        tenant.connection("help", agent="bert"),
    )
    await tenant.register(running.internal_url)
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, "acme/website") as waiting,
        visiting(running.url, "acme/help") as served,
    ):
        await waiting.say("anybody?")
        assert (await waiting.wait_for("notice"))[1]["code"] == "Suspended"
        assert (await served.ask("hello"))["agent"] == "Bert"
        tenant.over["agents"] = (tenant.agent("ana"), tenant.agent("bert"))
        await tenant.register(running.internal_url)
        assert (await waiting.wait_for("reply"))[1]["text"] == "You said: anybody?"


async def test_help_is_given_while_a_tenant_is_suspended(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    tenant.suspended()
    await tenant.register(running.internal_url)
    async with visiting(running.url, "acme/website") as visitor:
        await visitor.say("help")
        await visitor.wait_for("notice")
        await asyncio.sleep(0.3)
        assert [notice["code"] for notice in visitor.of_kind("notice")] == ["Help"]
