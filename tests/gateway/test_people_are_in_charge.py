"""Help, start over, stop, talk to a human and feedback, over real sockets."""

import asyncio

import httpx
import pytest

from support.far_agent import FarAgentTurn, WorkClient, far_agent, until_stopped
from support.gateways import RunningGateway, SampleTenant
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres

WEBSITE = "acme/website"


@pytest.mark.parametrize(
    ("language", "text", "start"),
    [("en", "help", "I am Ana"), ("es", "¡ayuda!", "Soy Ana"), ("pt", "ajuda", "Sou Ana")],
)
async def test_help_is_answered_without_an_agent(
    running: RunningGateway, language: str, text: str, start: str
) -> None:
    async with visiting(running.url, WEBSITE, language=language) as visitor:
        await visitor.say(text)
        _, notice = await visitor.wait_for("notice")
        assert notice["code"] == "Help"
        assert notice["text"].startswith(start)


async def test_a_command_sent_twice_acts_once(running: RunningGateway) -> None:
    async with visiting(running.url, WEBSITE) as visitor:
        await visitor.say("help", "one")
        await visitor.wait_for("notice")
        await visitor.say("help", "one")
        await visitor.wait_for("accepted", 2)
        first, second = visitor.of_kind("accepted")
        assert first == second
        await asyncio.sleep(0.2)
        assert visitor.count("notice") == 1


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [("en", "Stop!", "Stopped."), ("es", "¡Para!", "Detenido."), ("pt", "Pare", "Interrompido.")],
)
async def test_stop_ends_the_open_turn_in_three_languages(
    running: RunningGateway, tenant: SampleTenant, language: str, text: str, said: str
) -> None:
    async def stopped(given: FarAgentTurn) -> str | None:
        await until_stopped(given)
        await given.work.complete(given.turn)
        return None

    async with (
        far_agent(running.internal_url, tenant.token, stopped) as agent,
        visiting(running.url, WEBSITE, language=language) as visitor,
    ):
        await visitor.say("tell me everything")
        await until(lambda: len(agent.turns) == 1)
        await visitor.say(text)
        _, notice = await visitor.wait_for("notice")
        assert (notice["code"], notice["text"]) == ("Stopped", said)


async def test_start_over_begins_with_an_empty_window(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        far_agent(running.internal_url, tenant.token) as agent,
        visiting(running.url, WEBSITE) as visitor,
    ):
        await visitor.ask("my name is Eva")
        await visitor.say("start over")
        _, notice = await visitor.wait_for("notice")
        assert notice["code"] == "StartedOver"
        await visitor.ask("who am I?")
        assert agent.turns[1].window == ()


async def test_a_wish_for_a_human_withholds_the_running_reply(
    running: RunningGateway, tenant: SampleTenant
) -> None:
    async with (
        httpx.AsyncClient(base_url=running.internal_url, trust_env=False) as client,
        visiting(running.url, WEBSITE) as visitor,
    ):
        work = WorkClient(client, tenant.token)
        await visitor.say("one")
        turn = await work.claimed()
        await visitor.say("talk to a human")
        _, notice = await visitor.wait_for("notice")
        assert notice["code"] == "Human"
        settled = (await work.complete(turn, "too late")).json()
        assert settled["disposition"] == "Silenced"
        await visitor.say("hello?")
        await visitor.wait_for("accepted", 3)
        assert (await work.claim()).status_code == 204
        assert visitor.count("reply") == 0


async def test_feedback_is_kept_and_counted(running: RunningGateway, tenant: SampleTenant) -> None:
    async with (
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, WEBSITE) as visitor,
    ):
        reply = await visitor.ask("hello")
        for value in ("up", "up", "down"):
            await visitor.send({"type": "feedback", "turn": reply["turn"], "value": value})
        await visitor.send({"type": "feedback", "turn": reply["turn"], "value": "meh"})
        _, error = await visitor.wait_for("error")
        assert error["code"] == "bad_field"
    metrics = running.gateway.parts.metrics
    assert metrics.feedback.labels("WebChat", "up")._value.get() == 1
    assert metrics.feedback.labels("WebChat", "down")._value.get() == 1
