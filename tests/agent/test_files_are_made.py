"""An agent that makes a file gives it with its answer, once, whatever is resumed."""

import asyncio
import json
from typing import Any

import pytest

from konstruct_agent.tools import files
from konstruct_messages.inbound import Attachment
from konstruct_messages.turns import Step, StepKind, StepState
from support.far_gateway import REFUSED, FarGateway, turn
from support.far_model import Answer, Call, FarModel

TOOLS = [{"name": "file", "type": "BuiltIn", "builtIn": {"function": "MakeFile"}}]
AGENT = {"name": "ana", "displayName": "Ana", "tools": TOOLS}
GOOD = {"name": "orders.csv", "content": "order,total\n1,2\n"}


@pytest.mark.sockets
async def test_the_file_goes_with_the_answer(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer("", calls=(Call("file", GOOD),)), Answer("Here are the orders."))
    answered = await gateway.offer(turn(agent=AGENT)).ended()
    assert answered.made == [(1, "orders.csv", GOOD["content"])]
    [part] = answered.settlements[0][1]
    assert part["text"] == "Here are the orders."
    [attached] = part["attachments"]
    assert (attached["name"], attached["size_bytes"]) == ("orders.csv", 16)
    told = json.loads(model.chats[1].body["messages"][-1]["content"])
    assert told["file"]["name"] == "orders.csv"


@pytest.mark.sockets
async def test_a_resumed_turn_gives_the_recorded_file_and_makes_none(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    made = Attachment(key="1b4e28ba-2fa1-11d2-883f-0016d3cca427", name="orders.csv")
    call = {"id": "c1", "function": {"name": "file", "arguments": json.dumps(GOOD)}}
    said = {"role": "assistant", "content": "", "tool_calls": [{**call, "type": "function"}]}
    steps = (
        Step(
            number=0, kind=StepKind.MODEL, state=StepState.DONE, name="m", result={"message": said}
        ),
        Step(
            number=1,
            kind=StepKind.TOOL,
            state=StepState.DONE,
            name="file",
            request=call["function"],
            result={"file": made.model_dump(mode="json")},
        ),
    )
    model.script(Answer("Here."))
    answered = await gateway.offer(turn(agent=AGENT, attempt=2, steps=steps)).ended()
    assert answered.made == []
    assert [one["key"] for one in answered.settlements[0][1][-1]["attachments"]] == [made.key]


@pytest.mark.sockets
async def test_a_later_file_takes_the_place_of_one_with_its_name(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    better = {**GOOD, "content": "order,total\n1,3\n"}
    other = {"name": "notes.md", "content": "# Notes"}
    model.script(
        Answer("", calls=(Call("file", GOOD), Call("file", other))),
        Answer("", calls=(Call("file", better),)),
        Answer(""),
    )
    answered = await gateway.offer(turn(agent=AGENT)).ended()
    [part] = answered.settlements[0][1]
    assert part["text"] == "Here is what you asked for."
    assert [one["name"] for one in part["attachments"]] == ["orders.csv", "notes.md"]
    assert len({one["key"] for one in part["attachments"]}) == 2
    assert answered.made[-1][2] == better["content"]


@pytest.mark.sockets
async def test_a_file_that_is_not_kept_is_told_to_the_model_and_the_answer_goes_without(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    refused = {"name": "a.txt", "content": REFUSED}
    model.script(Answer("", calls=(Call("file", refused),)), Answer("I cannot give you a file."))
    answered = await gateway.offer(turn(agent=AGENT)).ended()
    assert "attachments" not in answered.settlements[0][1][0]
    assert "could not be kept" in model.chats[1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "Give a name"),
        ({"name": "a.exe", "content": "x"}, "must end in"),
        ({"name": "csv", "content": "x"}, "must end in"),
        ({"name": "../.csv", "content": "x"}, "must end in"),
        ({"name": "a.csv", "content": " "}, "some of it"),
        ({"name": "a.csv", "content": "a\x00b"}, "some of it"),
        ({"name": "a.json", "content": "{"}, "no valid JSON"),
        ({"name": "a.txt", "content": "x" * 524_289}, "at most 512 KiB"),
    ],
)
async def test_what_cannot_be_a_file_is_refused(arguments: dict[str, Any], why: str) -> None:
    async def keep(_number: int, _name: str, _text: str) -> Attachment:
        raise AssertionError

    with pytest.raises(ValueError, match=why):
        await files.make(arguments, 1, keep)
