"""A person in web chat, the gateway, the agent, the model service and the demo model: all real."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from konstruct_agent.main import run_agent
from konstruct_agent.settings import AgentSettings
from support.gateways import SampleTenant, running_gateway
from support.models import serving_llm
from support.postgres import Database
from support.visitor import visiting

pytestmark = pytest.mark.postgres


@pytest.fixture
async def chat_url(database: Database) -> AsyncIterator[str]:
    tenant = SampleTenant(over={"time_zone": "Europe/Madrid"})
    async with (
        running_gateway(database.url("gateway")) as gateway,
        serving_llm(database) as llm_url,
    ):
        await tenant.register(gateway.internal_url)
        settings = AgentSettings.model_validate(
            {
                "gateway_url": gateway.internal_url,
                "llm_url": llm_url,
                "work_token": tenant.token,
                "pod_name": "agent-0",
            }
        )
        stop = asyncio.Event()
        agent = asyncio.create_task(run_agent(settings, stop=stop))
        try:
            yield gateway.url
        finally:
            stop.set()
            await agent


async def test_a_dialogue_in_three_languages(chat_url: str) -> None:
    async with visiting(chat_url, "acme/website") as person:
        hello = await person.ask("Hello!")
        assert hello["text"].startswith("Hello! I am Ana, speaking through")
        assert "built-in demo model" in hello["text"]
        assert "Nice to meet you, Eva" in (await person.ask("My name is Eva"))["text"]
        assert (await person.ask("¿Cómo me llamo?"))["text"].startswith("Te llamas Eva")
        assert (await person.ask("Qual é o meu nome?"))["text"].startswith("Seu nome é Eva")
        assert "(Europe/Madrid)." in (await person.ask("What time is it?"))["text"]
        assert "(Asia/Tokyo)." in (await person.ask("¿Qué hora es en Tokio?"))["text"]
        assert (await person.ask("Você é um robô?"))["text"].startswith("Sim, sou uma IA")
        streamed = "".join(frame["text"] for frame in person.of_kind("delta"))
        assert "built-in demo model" in streamed
