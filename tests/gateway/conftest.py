"""A gateway with one registered tenant, for most of this room's tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database


@pytest.fixture
def tenant() -> SampleTenant:
    return SampleTenant()


@pytest_asyncio.fixture
async def running(database: Database, tenant: SampleTenant) -> AsyncIterator[RunningGateway]:
    async with running_gateway(database.url("gateway")) as one:
        await tenant.register(one.internal_url)
        yield one
