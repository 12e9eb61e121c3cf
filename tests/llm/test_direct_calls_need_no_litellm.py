"""A server that needs no translation is answered while litellm is still loading, or never loads."""

import asyncio

import pytest

from konstruct_llm.compatible import DirectVendor
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.pool import PoolModel
from konstruct_llm.provider import ChatCall, Deployment, Vendor
from konstruct_llm.routing import Patience, Router
from support.far_model import FarModel

pytestmark = pytest.mark.sockets


async def _never() -> Vendor:
    raise AssertionError("litellm was asked for")


async def test_a_direct_call_does_not_wait_for_litellm(far: FarModel, direct: DirectVendor) -> None:
    router = Router(_never, direct=direct, metrics=LlmMetrics(), patience=Patience())
    model = PoolModel.model_validate(
        {"name": "far", "model": "openai/far-1", "apiBase": far.url, "client": "Direct"}
    )
    deadline = asyncio.get_running_loop().time() + 10
    call = ChatCall(messages=({"role": "user", "content": "hello"},), max_output_tokens=64)
    opened = await router.open([Deployment(model, api_key=far.key)], call, deadline=deadline)
    words = [piece.text async for piece in opened.pieces]
    assert "".join(words)
