"""The pod as a whole: concurrency, heartbeats, SIGTERM, a kill in mid-turn, memory."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from konstruct_messages.turns import Step, StepKind, StepState, Verdict
from support.agents import running_agent
from support.far_gateway import FarGateway, turn
from support.far_model import Answer, Call, FarModel, Hang
from support.waiting import until

pytestmark = pytest.mark.sockets


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


async def start_process(gateway: FarGateway, model: FarModel) -> asyncio.subprocess.Process:
    environment = {
        "PATH": os.environ["PATH"],
        "KONSTRUCT_GATEWAY_URL": gateway.url,
        "KONSTRUCT_LLM_URL": model.url.removesuffix("/v1"),
        "KONSTRUCT_WORK_TOKEN": gateway.token,
        "KONSTRUCT_POD_NAME": "agent-0",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "konstruct_agent", env=environment
    )


async def test_as_many_turns_as_configured_run_at_once_and_one_heartbeat_names_them_all(
    gateway: FarGateway, model: FarModel
) -> None:
    model.rule = lambda _body: Hang()
    for number in range(4):
        gateway.offer(turn(f"turn {number}"))
    async with running_agent(gateway, model, concurrency=3):
        await until(lambda: any(len(beat["turns"]) == 3 for beat in gateway.heartbeats))
        await asyncio.sleep(0.2)
        assert len(model.chats) == 3
        assert max(len(beat["turns"]) for beat in gateway.heartbeats) == 3


async def test_stopping_releases_unfinished_turns_at_once(
    gateway: FarGateway, model: FarModel
) -> None:
    model.rule = lambda _body: Hang()
    held = gateway.offer(turn("never answered"))
    async with running_agent(gateway, model) as stop:
        await until(lambda: model.chats)
        stop.set()
        await until(lambda: gateway.releases, seconds=2)
    assert gateway.releases == [held.boot_id]
    assert held.settlements == []


async def test_a_lease_taken_over_stops_the_old_attempt(
    gateway: FarGateway, model: FarModel
) -> None:
    model.script(Hang())
    async with running_agent(gateway, model):
        claimed = turn("slow")
        gateway.offer(claimed)
        await until(lambda: model.chats)
        later = claimed.model_copy(update={"attempt": 2, "turn_token": "u" * 43})
        answered = await gateway.offer(later).ended()
    assert answered.reply == "Echo: slow"
    assert len(answered.settlements) == 1


async def test_a_lost_verdict_cancels_the_turn(gateway: FarGateway, model: FarModel) -> None:
    model.script(Hang())
    async with running_agent(gateway, model, concurrency=1):
        lost = gateway.offer(turn("lost"))
        await until(lambda: model.chats)
        lost.verdict = Verdict.LOST
        answered = await gateway.offer(turn("next")).ended()
    assert answered.reply == "Echo: next"
    assert lost.settlements == []


@pytest.mark.process
async def test_a_killed_agent_is_resumed_without_doing_a_step_twice(
    gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer(calls=(Call("time"),)), Hang())
    claimed = turn("time?")
    first = await start_process(gateway, model)
    known = gateway.offer(claimed)
    await until(lambda: len(model.chats) >= 2)
    first.kill()
    await first.wait()
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "time", "arguments": "{}"}}
        ],
    }
    known.steps[0] = Step(
        number=0, kind=StepKind.MODEL, state=StepState.DONE, result={"message": message}
    )
    model.script(Answer("It is noon."))
    second = await start_process(gateway, model)
    gateway.offer(claimed.model_copy(update={"attempt": 2, "turn_token": "u" * 43}))
    try:
        answered = await known.ended(20)
    finally:
        second.send_signal(signal.SIGTERM)
        assert await second.wait() == 0
    assert answered.reply == "It is noon."
    assert [step.number for step in answered.puts] == [1]
    assert len(model.chats) == 3


@pytest.mark.process
async def test_the_program_is_small_and_ends_cleanly(gateway: FarGateway, model: FarModel) -> None:
    process = await start_process(gateway, model)
    try:
        for number in range(50):
            await gateway.offer(turn(f"message {number}")).ended(20)
        resident = resident_megabytes(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0
    assert resident < 60, f"{resident:.1f} MB"
