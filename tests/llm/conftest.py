"""A scripted provider on a real socket, and litellm between it and the router."""

from collections.abc import AsyncIterator

import pytest

from konstruct_llm.compatible import DirectVendor
from konstruct_llm.provider import LateVendor
from support.far_model import FarModel


@pytest.fixture
async def far() -> AsyncIterator[FarModel]:
    async with FarModel() as model:
        yield model


@pytest.fixture
async def second() -> AsyncIterator[FarModel]:
    async with FarModel(key="sk-second") as model:
        yield model


@pytest.fixture
async def vendor() -> AsyncIterator[LateVendor]:
    late = LateVendor()
    yield late
    await late.close()


@pytest.fixture
async def direct() -> AsyncIterator[DirectVendor]:
    found = DirectVendor()
    yield found
    await found.close()
