"""A turn from claim to reply, against a work API and a model over real sockets."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from konstruct_agent import work
from konstruct_agent.prompt import TRANSPARENCY
from konstruct_messages.turns import Line, Speaker, Step, StepKind, StepState, Verdict
from support.agents import running_agent
from support.far_gateway import FarGateway, turn
from support.far_model import Answer, Call, Failure, FarModel, Hang, Reset
from support.waiting import until

pytestmark = pytest.mark.sockets


def model_step(number: int, message: dict[str, Any]) -> Step:
    return Step(
        number=number,
        kind=StepKind.MODEL,
        state=StepState.DONE,
        result={"message": message, "finish_reason": "stop"},
    )


def calls(*names: str) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": "{}"},
            }
            for index, name in enumerate(names)
        ],
    }


async def test_a_message_is_answered_and_its_text_streamed(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    answered = await gateway.offer(turn("hello nonce:one")).ended()
    assert answered.reply == "Echo: hello nonce:one"
    text = ""
    for delta in answered.deltas:
        assert delta["attempt"] == 1
        text = text[: delta["offset"]] + delta["text"]
    assert text == "Echo: hello nonce:one"
    assert model.chats[0].nonce == "one"
    assert model.chats[0].stream


async def test_the_prompt_is_in_order_and_ends_with_transparency(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=UTC)
    window = (
        Line(speaker=Speaker.PERSON, name="Eva", text="hi", at=moment),
        Line(speaker=Speaker.AGENT, name="Ana", text="Hello Eva", at=moment),
    )
    await gateway.offer(turn("and now?", window=window, language="pt")).ended()
    sent = model.chats[0].body["messages"]
    assert [one["role"] for one in sent] == ["system", "user", "assistant", "user"]
    assert sent[0]["content"].endswith(TRANSPARENCY)
    assert "You are Ana, an AI employee of Acme." in sent[0]["content"]
    assert "Portuguese (pt)" in sent[0]["content"]
    assert sent[-1]["content"] == "and now?"


async def test_the_time_tool_answers_in_the_tenants_time_zone(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer(calls=(Call("time"),)), Answer("It is late."))
    answered = await gateway.offer(turn("what time is it?")).ended()
    assert answered.reply == "It is late."
    assert list(answered.steps) == [1]
    assert answered.steps[1].state is StepState.DONE
    assert answered.steps[1].result["zone"] == "Europe/Madrid"
    assert answered.notes == ["Looking at the clock…"]
    told = model.chats[1].body["messages"][-1]
    assert told["role"] == "tool"
    assert json.loads(told["content"])["weekday"]


async def test_a_zone_that_does_not_exist_is_told_to_the_model(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer(calls=(Call("time", {"zone": "Mars/Olympus"}),)), Answer("Sorry."))
    answered = await gateway.offer(turn("time on Mars?")).ended()
    assert "no time zone 'Mars/Olympus'" in str(answered.steps[1].result["error"])


async def test_arguments_that_are_no_json_and_unknown_tools_are_told_to_the_model(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    broken = Call("time", "{broken", id="call_a")
    model.script(Answer(calls=(broken, Call("rocket", id="call_b"))), Answer("Sorry."))
    answered = await gateway.offer(turn("go")).ended()
    assert answered.steps[1].result == {"error": "The arguments are not valid JSON."}
    assert answered.steps[2].result == {"error": "There is no such tool."}
    assert answered.reply == "Sorry."


async def test_steps_are_bounded_and_the_last_model_call_has_no_tools(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.rule = lambda body: (
        Answer(calls=(Call("time"),)) if body.get("tools") else Answer("That is all.")
    )
    answered = await gateway.offer(turn("loop")).ended()
    assert answered.reply == "That is all."
    assert max(answered.steps) < 16
    assert len(model.chats) <= 9


async def test_journalled_steps_are_not_done_again(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    done = Step(
        number=1,
        kind=StepKind.TOOL,
        state=StepState.DONE,
        name="time",
        result={"time": "12:34"},
    )
    claimed = turn("time?", attempt=2, steps=(model_step(0, calls("time")), done))
    model.script(Answer("It is 12:34."))
    answered = await gateway.offer(claimed).ended()
    assert answered.reply == "It is 12:34."
    assert answered.puts == []
    assert len(model.chats) == 1
    assert json.loads(model.chats[0].body["messages"][-1]["content"]) == {"time": "12:34"}


async def test_a_journalled_answer_is_settled_without_asking_the_model(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    message = {"role": "assistant", "content": "Already thought."}
    answered = await gateway.offer(turn(attempt=3, steps=(model_step(0, message),))).ended()
    assert answered.reply == "Already thought."
    assert model.chats == []


async def test_a_reached_budget_is_said_in_the_persons_language(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Failure(402, code="budget_exceeded"))
    answered = await gateway.offer(turn("hola", language="es-MX")).ended()
    assert answered.reply.startswith("He llegado al límite")
    assert len(model.chats) == 1


async def test_a_model_that_is_away_is_tried_again_and_then_the_turn_fails(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Failure(503, "0.1"), Answer("Back again."))
    assert (await gateway.offer(turn("one")).ended()).reply == "Back again."
    model.rule = lambda _body: Failure(503, "0.1")
    failed = await gateway.offer(turn("two")).ended()
    assert [kind for kind, _ in failed.settlements] == ["fail"]
    assert len(model.chats) == 2 + 4


async def test_a_model_service_that_starts_anew_is_waited_for(
    gateway: FarGateway, model: FarModel
) -> None:
    async with running_agent(gateway, model, model_patience_seconds=60):
        model.script(*[Failure(503, "0.1")] * 7, Answer("Back again."))
        assert (await gateway.offer(turn("one")).ended()).reply == "Back again."


async def test_a_model_service_that_nobody_can_connect_to_is_waited_for(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    await model.stop()
    waiting = gateway.offer(turn("one"))
    # Longer than as many tries take as a model that answers badly gets.
    await until(lambda: len(gateway.heartbeats) > 50, seconds=60)
    assert waiting.settlements == []
    await model.start(model.port)
    assert (await waiting.ended()).reply == "Echo: one"


async def test_a_model_service_that_stays_away_fails_the_turn(
    gateway: FarGateway, model: FarModel
) -> None:
    await model.stop()
    async with running_agent(gateway, model, model_absence_seconds=0):
        failed = await gateway.offer(turn("one")).ended()
    assert [kind for kind, _ in failed.settlements] == ["fail"]


async def test_a_stream_that_breaks_is_begun_again_from_offset_zero(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Reset("half an answer", words=2), Answer("A whole answer."))
    answered = await gateway.offer(turn("go")).ended()
    assert answered.reply == "A whole answer."
    assert [delta["offset"] for delta in answered.deltas].count(0) == 2


async def test_a_lost_turn_is_dropped_silently(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Failure(409, code="turn_lost"))
    lost = gateway.offer(turn("mine no more"))
    answered = await gateway.offer(turn("next")).ended()
    assert answered.reply == "Echo: next"
    assert lost.settlements == []


async def test_a_stop_ends_the_turn_with_what_there_is(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer("one two three four five six seven", token_seconds=0.2))
    stopped = gateway.offer(turn("count"))
    await until(lambda: stopped.deltas)
    stopped.verdict = Verdict.STOP
    await stopped.ended()
    assert "one two three four five six seven".startswith(stopped.reply)
    assert stopped.reply.startswith("one")


async def test_a_stop_before_the_first_word_still_answers(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Hang())
    stopped = gateway.offer(turn("wait", language="pt"))
    await until(lambda: model.chats)
    stopped.verdict = Verdict.STOP
    assert (await stopped.ended()).reply == "Parei, como você pediu."


async def test_a_gateway_that_is_away_for_a_moment_loses_nothing(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer(calls=(Call("time"),), first_token_seconds=0.3), Answer("Done."))
    kept = gateway.offer(turn("time?"))
    await until(lambda: model.chats)
    gateway.away = True
    await asyncio.sleep(0.5)
    assert not kept.settled.is_set()
    gateway.away = False
    assert (await kept.ended()).reply == "Done."
    assert len(model.chats) == 2


async def test_a_gateway_that_stays_away_finds_the_turn_unsettled_and_not_apologised_for(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_WORK_TRIES", 2)
    model.script(Answer("Done.", first_token_seconds=0.3))
    kept = gateway.offer(turn("time?"))
    await until(lambda: model.chats)
    gateway.away = True
    await asyncio.sleep(1.0)
    gateway.away = False
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(kept.settled.wait(), 0.5)
    assert kept.settlements == []


async def test_a_direct_question_is_answered_with_a_disclosure_whatever_the_model_says(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer("Me llamo Ana y soy de Madrid."))
    answered = await gateway.offer(turn("¿Eres una persona o un bot?", language="es")).ended()
    assert answered.reply == (
        "Me llamo Ana y soy de Madrid.\n\nPara que quede claro: soy una IA, no una persona."
    )
