"""An agent between two far ends: a work API with its queue in memory, and a scripted model."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.agents import running_agent
from support.far_gateway import FarGateway, open_far_gateway
from support.far_model import FarModel


@pytest.fixture
async def gateway() -> AsyncIterator[FarGateway]:
    async with open_far_gateway() as far:
        yield far


@pytest.fixture
async def model(gateway: FarGateway) -> AsyncIterator[FarModel]:
    async with FarModel(key=gateway.token) as far:
        yield far


@pytest.fixture
async def agent(gateway: FarGateway, model: FarModel) -> AsyncIterator[asyncio.Event]:
    async with running_agent(gateway, model) as stop:
        yield stop
