"""A gateway with one registered tenant, for most of this room's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from konstruct_telemetry.logs import configure_logs
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Log as the program does: the default renders whole frames, which takes seconds."""
    structlog.reset_defaults()
    configure_logs("INFO", "gateway")
    yield
    structlog.reset_defaults()


@pytest.fixture
def tenant() -> SampleTenant:
    return SampleTenant()


@pytest_asyncio.fixture
async def running(database: Database, tenant: SampleTenant) -> AsyncIterator[RunningGateway]:
    async with running_gateway(database.url("gateway")) as one:
        await tenant.register(one.internal_url)
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the gateway of `keeping` keeps files."""
    return tmp_path / "media"


@pytest_asyncio.fixture
async def keeping(
    database: Database, tenant: SampleTenant, folder: Path
) -> AsyncIterator[RunningGateway]:
    """A gateway that keeps files."""
    async with running_gateway(database.url("gateway"), media_url=f"file://{folder}") as one:
        await tenant.register(one.internal_url)
        yield one
