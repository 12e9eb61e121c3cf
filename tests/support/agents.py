"""Run an agent inside the test's event loop, between two far ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from konstruct_agent.main import run_agent
from konstruct_agent.settings import AgentSettings
from support.far_gateway import FarGateway
from support.far_model import FarModel


def settings_for(gateway: FarGateway, model: FarModel, **over: object) -> AgentSettings:
    values: dict[str, object] = {
        "gateway_url": gateway.url,
        "llm_url": model.url.removesuffix("/v1"),
        "work_token": gateway.token,
        "pod_name": "agent-0",
        "claim_wait_seconds": 2,
        "heartbeat_seconds": 0.1,
        "model_patience_seconds": 0,
    }
    return AgentSettings.model_validate(values | over)


@asynccontextmanager
async def running_agent(
    gateway: FarGateway, model: FarModel, **over: object
) -> AsyncIterator[asyncio.Event]:
    """Run an agent; yield the event that stops it."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_agent(settings_for(gateway, model, **over), stop=stop))
    try:
        yield stop
    finally:
        stop.set()
        await task
