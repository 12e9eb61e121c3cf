"""Exactly the wanted agents run, and one that fails is started again."""

import asyncio
import uuid

import pytest

from konstruct_local import agents as module
from konstruct_local.agents import Agents
from support.waiting import until

ANA, EVA = uuid.uuid4(), uuid.uuid4()


class Pods:
    """Counts who runs with which token; `failures` are raised first."""

    def __init__(self) -> None:
        self.running: dict[uuid.UUID, str] = {}
        self.starts = 0
        self.failures: list[Exception] = []

    async def run(self, tenant_id: uuid.UUID, token: str, stop: asyncio.Event) -> None:
        self.starts += 1
        if self.failures:
            raise self.failures.pop()
        self.running[tenant_id] = token
        await stop.wait()
        del self.running[tenant_id]


async def test_wanted_ones_start_and_unwanted_ones_end() -> None:
    pods = Pods()
    agents = Agents(pods.run)
    await agents.want({ANA: "a", EVA: "e"})
    await until(lambda: pods.running == {ANA: "a", EVA: "e"})
    await agents.want({EVA: "e"})
    assert pods.running == {EVA: "e"}
    assert (agents.is_running(ANA), agents.is_running(EVA)) == (False, True)
    await agents.stop()
    assert pods.running == {}


async def test_a_new_token_means_a_new_agent() -> None:
    pods = Pods()
    agents = Agents(pods.run)
    await agents.want({ANA: "old"})
    await until(lambda: pods.running == {ANA: "old"})
    await agents.want({ANA: "new"})
    await until(lambda: pods.running == {ANA: "new"})
    await agents.stop()


async def test_wanting_the_same_again_disturbs_nobody() -> None:
    pods = Pods()
    agents = Agents(pods.run)
    for _ in range(5):
        await agents.want({ANA: "a"})
        await asyncio.sleep(0)
    await until(lambda: pods.running)
    assert pods.starts == 1
    await agents.stop()


async def test_a_failing_agent_is_started_again_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.2)
    pods = Pods()
    pods.failures = [RuntimeError("no tools")]
    agents = Agents(pods.run)
    await agents.want({ANA: "a"})
    await until(lambda: agents.failure(ANA))
    assert agents.failure(ANA) == "RuntimeError: no tools"
    assert not agents.is_running(ANA)
    await until(lambda: pods.running)
    assert (agents.failure(ANA), agents.is_running(ANA)) == ("", True)
    await agents.stop()
