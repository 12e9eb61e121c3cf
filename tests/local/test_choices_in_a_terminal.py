"""Choices in a terminal are numbered; a number, or the words themselves, choose."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from konstruct_local.chat import Chat
from konstruct_local.chat_memory import ChatAddress, ChatMemoryFile
from konstruct_local.chat_reading import question_of
from konstruct_local.home import Home
from konstruct_local.terminal import Terminal
from konstruct_local.words import Words
from support.far_agent import FarAgentTurn, far_agent
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database

ASK = {
    "id": "a1",
    "choices": [{"key": "red", "label": "The red one"}, {"key": "blue", "label": "The blue one"}],
}


def test_choices_are_numbered() -> None:
    assert question_of(ASK).lines() == "\n  1. The red one\n  2. The blue one"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("1", "red"),
        (" 2 ", "blue"),
        ("the BLUE one", "blue"),
        ("3", ""),
        ("0", ""),
        ("-1", ""),
        ("٢", ""),
        ("the green one", ""),
        ("", ""),
    ],
)
def test_a_line_chooses_by_number_or_by_label(line: str, key: str) -> None:
    assert question_of(ASK).key(line) == key


@pytest.mark.postgres
async def test_a_question_is_shown_and_a_number_answers_it(
    database: Database, tmp_path: Path
) -> None:
    async def script(given: FarAgentTurn) -> str | None:
        if given.text != "which?":
            return f"You chose: {given.text}"
        await given.work.ask(given.turn, "Which one?", {"r": "The red one", "b": "The blue one"})
        return None

    async def typed() -> AsyncIterator[str]:
        for line in ("which?", "2", "2"):
            yield line

    tenant, out = SampleTenant(), io.StringIO()
    async with running_gateway(database.url("gateway")) as gateway:
        await tenant.register(gateway.internal_url)
        async with far_agent(gateway.internal_url, tenant.token, script):
            address = ChatAddress.parse("acme/website")
            chat = Chat(
                url=gateway.url,
                address=address,
                file=ChatMemoryFile(Home(tmp_path), gateway.url, address),
                terminal=Terminal(Words("en"), out=out, err=io.StringIO()),
                wait_seconds=20,
            )
            await chat.converse(typed())
    assert out.getvalue().splitlines()[1:] == [
        "Which one?",
        "  1. The red one",
        "  2. The blue one",
        "You chose: The blue one",
        "You chose: 2",
    ]
