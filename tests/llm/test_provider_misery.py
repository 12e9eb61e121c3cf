"""Both clients and the router against a provider that misbehaves in every way on the list."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from konstruct_llm.assembly import Assembly
from konstruct_llm.circuit import CircuitState
from konstruct_llm.compatible import DirectVendor
from konstruct_llm.errors import AttemptFailed, RequestRefused, TryLater
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.pool import DEMO_EMBEDDING, DEMO_MODEL, PoolModel
from konstruct_llm.provider import ChatCall, Deployment, LateVendor
from konstruct_llm.routing import Patience, Router
from support.far_model import (
    Answer,
    Behaviour,
    Call,
    EmptyChoices,
    Failure,
    FarModel,
    Garbage,
    Hang,
    Reset,
    Truncated,
)

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.parametrize("client", ["LiteLLM", "Direct"], indirect=True),
    pytest.mark.usefixtures("client"),
]

CALL = ChatCall(messages=[{"role": "user", "content": "hello nonce:n1"}])


@dataclass
class Spoken:
    """Which client the deployments of a test are called with."""

    client: str = "LiteLLM"


SPOKEN = Spoken()


@pytest.fixture
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SPOKEN, "client", request.param)


def deployment(far: FarModel, name: str = "far", **over: object) -> Deployment:
    model = PoolModel.model_validate(
        {"name": name, "model": "openai/far-1", "apiBase": far.url, "client": SPOKEN.client} | over
    )
    return Deployment(model, api_key=far.key)


@pytest.fixture
def router(vendor: LateVendor, direct: DirectVendor) -> Router:
    patience = Patience(first_token=6.0, token_gap=6.0)  # a busy machine is no failure
    return Router(vendor.get, direct=direct, metrics=LlmMetrics(), patience=patience)


async def ask(
    router: Router, *chain: Deployment, call: ChatCall = CALL, seconds: float = 20
) -> Assembly:
    deadline = asyncio.get_running_loop().time() + seconds
    opened = await router.open(chain, call, deadline=deadline)
    assembly = Assembly()
    async for piece in opened.pieces:
        assembly.add(piece)
    return assembly


async def test_a_stream_is_passed_on_with_the_providers_usage(
    router: Router, far: FarModel
) -> None:
    answer = await ask(router, deployment(far))
    assert answer.message() == {"role": "assistant", "content": "Echo: hello nonce:n1"}
    assert answer.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 5
    assert far.chats[0].nonce == "n1"
    assert far.chats[0].body["model"] == "far-1"


async def test_tool_calls_come_through_whole(router: Router, far: FarModel) -> None:
    far.script(Answer("Let me see. ", calls=(Call("time", {"zone": "UTC"}), Call("two", id="c2"))))
    tools = [{"type": "function", "function": {"name": "time", "parameters": {}}}]
    answer = await ask(router, deployment(far), call=ChatCall(CALL.messages, tools=tools))
    message = answer.message()
    assert message["content"] == "Let me see. "
    assert [one["function"]["name"] for one in message["tool_calls"]] == ["time", "two"]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"zone": "UTC"}'
    assert answer.finish_reason == "tool_calls"
    assert far.chats[0].body["tools"] == tools


@pytest.mark.parametrize(
    "behaviour",
    [Failure(500), Failure(503), Garbage(), EmptyChoices(), Failure(429)],
    ids=lambda behaviour: type(behaviour).__name__ + str(getattr(behaviour, "status", "")),
)
async def test_one_failure_is_tried_once_more(
    router: Router, far: FarModel, behaviour: Behaviour
) -> None:
    far.script(behaviour)
    answer = await ask(router, deployment(far))
    assert answer.text == "Echo: hello nonce:n1"
    assert len(far.chats) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        Failure(500),
        Failure(429, "30"),
        Failure(429),
        Failure(401),
        Failure(404),
        Hang(),
        Hang(headers=True),
        Garbage(),
        EmptyChoices(),
        Reset(words=0),
        Truncated(words=0),
    ],
    ids=lambda one: f"{type(one).__name__}{getattr(one, 'status', '')}",
)
async def test_a_failing_deployment_is_stood_in_for_by_its_fallback(
    router: Router, far: FarModel, second: FarModel, behaviour: Behaviour
) -> None:
    far.rule = lambda _body: behaviour
    if isinstance(behaviour, Hang):
        router._patience = Patience(first_token=1.0, token_gap=1.0)
    answer = await ask(router, deployment(far), deployment(second, "second"), seconds=20)
    assert answer.text == "Echo: hello nonce:n1"
    assert len(far.chats) <= 2
    assert len(second.chats) == 1


async def test_a_failing_deployment_is_out_of_rotation_within_three_failures(
    router: Router, far: FarModel, second: FarModel
) -> None:
    far.rule = lambda _body: Failure(500)
    chain = (deployment(far), deployment(second, "second"))
    for _ in range(10):
        await ask(router, *chain)
    assert len(far.chats) <= 3
    assert router.breaker(chain[0]).state is CircuitState.OPEN


async def test_retry_after_is_kept_to(router: Router, far: FarModel) -> None:
    far.script(Failure(429, "1"))
    began = time.monotonic()
    answer = await ask(router, deployment(far))
    assert answer.text
    assert time.monotonic() - began >= 1.0
    assert far.chats[1].received_at - far.chats[0].received_at >= 1.0


async def test_a_long_retry_after_is_passed_to_the_caller(router: Router, far: FarModel) -> None:
    far.script(Failure(429, "25"))
    with pytest.raises(TryLater) as caught:
        await ask(router, deployment(far))
    assert 20 <= caught.value.retry_after <= 25
    with pytest.raises(TryLater):
        await ask(router, deployment(far))
    assert len(far.chats) == 1


async def test_a_refused_request_is_tried_nowhere_else_and_hurts_nobody(
    router: Router, far: FarModel, second: FarModel
) -> None:
    far.rule = lambda _body: Failure(400)
    chain = (deployment(far), deployment(second, "second"))
    for _ in range(4):
        with pytest.raises(RequestRefused):
            await ask(router, *chain)
    assert len(far.chats) == 4
    assert second.chats == []
    assert router.breaker(chain[0]).state is CircuitState.CLOSED


@pytest.mark.parametrize(
    "behaviour",
    [Reset(words=2), Truncated(words=2), Answer("a b c d", token_seconds=2)],
    ids=["reset", "truncated", "stands still"],
)
async def test_a_stream_that_breaks_in_its_middle_is_not_taken_for_an_answer(
    router: Router, far: FarModel, behaviour: Behaviour
) -> None:
    far.script(behaviour)
    router._patience = Patience(first_token=6.0, token_gap=1.0)
    with pytest.raises(AttemptFailed):
        await ask(router, deployment(far))
    assert len(far.chats) == 1


async def test_the_deadline_is_kept_whatever_the_providers_do(
    router: Router, far: FarModel
) -> None:
    far.rule = lambda _body: Hang()
    chain = [deployment(far, f"far-{number}") for number in range(4)]
    began = time.monotonic()
    with pytest.raises(TryLater):
        await ask(router, *chain, seconds=1.5)
    assert time.monotonic() - began < 3


async def test_attempts_stay_under_one_point_two_times_the_calls(
    router: Router, far: FarModel, second: FarModel
) -> None:
    turn = iter(range(10_000))
    failing: Callable[[dict[str, object]], Behaviour] = lambda _body: (  # noqa: E731
        Failure(500) if next(turn) % 4 == 0 else Answer("fine")
    )
    far.rule = failing
    calls = 120
    answered = 0
    for _ in range(calls):
        try:
            await ask(router, deployment(far))
            answered += 1
        except TryLater:
            router.breaker(deployment(far)).succeeded()
    assert len(far.chats) <= 1.2 * calls
    assert answered >= 0.8 * calls


async def test_the_demo_model_takes_the_same_path_without_any_network(router: Router) -> None:
    demo = Deployment(PoolModel(name="demo", model=DEMO_MODEL))
    hello = ChatCall(messages=[{"role": "user", "content": "hello"}])
    answer = await ask(router, demo, call=hello)
    assert "built-in demo model" in answer.text
    assert answer.usage is not None
    tools = [{"type": "function", "function": {"name": "time", "parameters": {}}}]
    clock = ChatCall(messages=[{"role": "user", "content": "what time is it?"}], tools=tools)
    message = (await ask(router, demo, call=clock)).message()
    assert message["tool_calls"][0]["function"] == {"name": "time", "arguments": "{}"}


async def test_vectors_come_from_providers_and_from_the_demo_model(
    router: Router, far: FarModel
) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    demo = Deployment(PoolModel(name="demo", model=DEMO_EMBEDDING, kind="Embedding"))
    _, found = await router.embed([demo], ["one", "two"], deadline=deadline)
    assert [len(vector) for vector in found.vectors] == [384, 384]
    remote = deployment(far, model="openai/far-1", kind="Embedding")
    _, found = await router.embed([remote], ["one"], deadline=deadline)
    assert len(found.vectors[0]) == 384


async def test_an_answer_that_repeats_itself_is_still_an_answer(
    router: Router, far: FarModel
) -> None:
    far.script(Answer("---- " * 300))
    assert (await ask(router, deployment(far))).text == "---- " * 300


async def test_calls_with_different_deadlines_share_one_connection(
    router: Router, far: FarModel
) -> None:
    for seconds in (5, 6, 7, 8):
        await ask(router, deployment(far), seconds=seconds)
    assert far.connections == 1
