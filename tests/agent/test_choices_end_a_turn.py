"""An agent that offers choices ends its turn with a question; what it may not offer it hears of."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from konstruct_agent import prompt
from konstruct_agent.tools import choices
from konstruct_messages.inbound import Attachment
from konstruct_messages.turns import Line, Speaker
from support.far_gateway import FarGateway, turn
from support.far_model import Answer, Call, FarModel

TOOLS = [{"name": "choose", "type": "BuiltIn", "builtIn": {"function": "OfferChoices"}}]
AGENT = {"name": "ana", "displayName": "Ana", "tools": TOOLS}
GOOD = {"question": "Which one?", "choices": ["The red one", "The blue one"]}


@pytest.mark.sockets
async def test_a_turn_ends_with_the_question(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    model.script(Answer("There are two.", calls=(Call("choose", GOOD),)))
    answered = await gateway.offer(turn(agent=AGENT)).ended()
    assert answered.reply == "There are two.\n\nWhich one?"
    assert answered.settlements[0][1][-1]["choices"] == [
        {"key": "the-red-one", "label": "The red one"},
        {"key": "the-blue-one", "label": "The blue one"},
    ]
    assert len(model.chats) == 1
    offered = {tool["function"]["name"] for tool in model.chats[0].body["tools"]}
    assert offered == {"choose", "time"}


@pytest.mark.sockets
async def test_a_wrong_offer_is_told_to_the_model_which_tries_again(
    agent: asyncio.Event, gateway: FarGateway, model: FarModel
) -> None:
    long = {"question": "Which one?", "choices": ["x" * 76, "short"]}
    model.script(
        Answer("", calls=(Call("choose", long),)), Answer("", calls=(Call("choose", GOOD),))
    )
    answered = await gateway.offer(turn(agent=AGENT)).ended()
    assert answered.reply == "Which one?"
    assert "say it shorter" in model.chats[1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"question": "", "choices": ["a", "b"]},
        {"question": "q", "choices": "a"},
        {"question": "q", "choices": ["a", "a "]},
        {"question": "q", "choices": ["a", 1]},
        {"question": "q", "choices": [str(number) for number in range(11)]},
        {"question": "q", "choices": ["x" * 76, "b"]},
    ],
)
def test_what_cannot_be_offered_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Give|say it shorter"):
        choices.offer(arguments)


def test_keys_are_readable_and_differ() -> None:
    made = choices.offer({"question": "¿Qué?", "choices": ["Sí", "si", "不", "否", "a" * 75]})
    keys = [one.key for one in made.choices]
    assert keys[:4] == ["si", "si-2", "choice", "choice-4"]
    assert len(set(keys)) == 5


def test_files_are_referred_to_and_the_newest_only() -> None:
    files = [
        Attachment(key=str(uuid4()), name=f"{n}.png", media_type="image/png") for n in range(9)
    ]
    files.append(Attachment(key="F123", name="old.pdf", media_type="application/pdf"))
    files.append(Attachment(key=str(uuid4()), name="a.pdf", media_type="application/pdf"))
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    line = Line(speaker=Speaker.PERSON, text="", at=moment, attachments=tuple(files))
    [message] = prompt.conversation(turn(messages=(line,)))
    text, *parts = message["content"]
    assert text["text"].startswith("[attached: 0.png (image/png), 1.png")
    assert [part["type"] for part in parts] == ["image_url"] * 7 + ["file"]
    assert parts[-1]["file"]["file_id"] == f"konstruct-media:{files[-1].key}"
    assert parts[0]["image_url"]["url"] == f"konstruct-media:{files[2].key}"
