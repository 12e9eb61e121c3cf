"""A question with choices: shown to every tab, answered once, by a click or in words."""

from typing import Any
from uuid import uuid4

import pytest

from support.far_agent import FarAgentTurn, far_agent
from support.gateways import RunningGateway, SampleTenant
from support.postgres import Database
from support.visitor import Visitor, visiting

pytestmark = pytest.mark.postgres

CHOICES = {"red": "The red one", "blue": "The blue one"}


async def script(given: FarAgentTurn) -> str | None:
    if given.text != "which?":
        return f"You chose: {given.text}"
    answer = await given.work.ask(given.turn, "Which one?", CHOICES)
    assert answer.status_code == 200, answer.text
    return None


async def asked(visitor: Visitor) -> dict[str, Any]:
    before = visitor.count("ask")
    await visitor.say("which?")
    return (await visitor.wait_for("ask", before + 1))[1]


async def test_a_question_is_asked_and_answered_by_a_click(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token, script),
        visiting(running.url, "acme/website") as visitor,
        visiting(
            running.url, "acme/website", resume=visitor.resume, conversation=visitor.conversation
        ) as other_tab,
    ):
        ask = await asked(visitor)
        assert (ask["text"], ask["agent"], ask["seq"]) == ("Which one?", "Ana", 2)
        assert ask["choices"] == [{"key": key, "label": label} for key, label in CHOICES.items()]
        assert ask["expiresAt"] > ask["at"]
        assert (await other_tab.wait_for("ask"))[1]["id"] == ask["id"]
        await visitor.send({"type": "choose", "ask": ask["id"], "choice": "blue"})
        _, mine = await visitor.wait_for("said")
        _, theirs = await other_tab.wait_for("said", 2)
        _, reply = await visitor.wait_for("reply")
    assert mine == theirs
    assert (mine["text"], mine["ask"], mine["choice"]) == ("The blue one", ask["id"], "blue")
    assert reply["text"] == "You chose: The blue one"


async def test_a_reconnecting_page_gets_question_and_choice_again(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token, script),
        visiting(running.url, "acme/website") as visitor,
    ):
        ask = await asked(visitor)
        await visitor.send({"type": "choose", "ask": ask["id"], "choice": "red"})
        await visitor.wait_for("reply")
        async with visiting(
            running.url,
            "acme/website",
            resume=visitor.resume,
            conversation=visitor.conversation,
            after=0,
        ) as again:
            await again.wait_for("reply")
            assert [frame["type"] for _, frame in again.frames] == ["said", "ask", "said", "reply"]


async def test_a_second_choice_changes_nothing_and_says_so(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token, script) as agent,
        visiting(running.url, "acme/website") as visitor,
    ):
        ask = await asked(visitor)
        for choice in ("red", "red", "blue"):
            await visitor.send({"type": "choose", "ask": ask["id"], "choice": choice})
        _, notice = await visitor.wait_for("notice")
        await visitor.wait_for("reply")
    assert notice["code"] == "ChoiceTaken"
    assert "answered already" in notice["text"]
    assert [turn.messages[0].text for turn in agent.turns] == ["which?", "The red one"]
    assert visitor.count("said") == 1


async def test_an_expired_question_says_so(
    running: RunningGateway, tenant: SampleTenant, database: Database
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token, script) as agent,
        visiting(running.url, "acme/website", language="es") as visitor,
    ):
        ask = await asked(visitor)
        await database.run("UPDATE konstruct.asks SET expires_at = now()")
        await visitor.send({"type": "choose", "ask": ask["id"], "choice": "red"})
        _, notice = await visitor.wait_for("notice")
    assert notice["code"] == "ChoiceExpired"
    assert "pregunta" in notice["text"]
    assert len(agent.turns) == 1


async def test_words_answer_a_question_as_well(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token, script) as agent,
        visiting(running.url, "acme/website") as visitor,
    ):
        await asked(visitor)
        reply = await visitor.ask("the green one")
    assert reply["text"] == "You chose: the green one"
    assert agent.turns[1].window[-1].text == "Which one?"


async def test_a_choice_that_reads_like_a_command_is_a_choice(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async def help_or_stop(given: FarAgentTurn) -> str | None:
        if given.text != "which?":
            return f"You chose: {given.text}"
        await given.work.ask(given.turn, "What now?", {"h": "help", "s": "stop"})
        return None

    async with (
        far_agent(running.internal_url, tenant.token, help_or_stop),
        visiting(running.url, "acme/website") as visitor,
    ):
        ask = await asked(visitor)
        await visitor.send({"type": "choose", "ask": ask["id"], "choice": "h"})
        assert (await visitor.wait_for("reply"))[1]["text"] == "You chose: help"


async def test_nobody_chooses_for_another(running: RunningGateway, tenant: SampleTenant) -> None:
    async with (
        far_agent(running.internal_url, tenant.token, script) as agent,
        visiting(running.url, "acme/website") as visitor,
        visiting(running.url, "acme/website") as stranger,
    ):
        ask = await asked(visitor)
        wrong = [
            {"ask": ask["id"], "choice": "blue"},
            {"ask": str(uuid4()), "choice": "blue"},
            {"ask": "no id", "choice": "blue"},
        ]
        for frame in wrong:
            await stranger.send({"type": "choose"} | frame)
        await stranger.wait_for("error", 3)
        await visitor.send({"type": "choose", "ask": ask["id"], "choice": "green"})
        await visitor.wait_for("error")
    assert {one["code"] for one in stranger.of_kind("error")} == {"unknown_ask"}
    assert [one["code"] for one in visitor.of_kind("error")] == ["unknown_ask"]
    assert len(agent.turns) == 1
