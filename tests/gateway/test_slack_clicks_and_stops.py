"""What people do in Slack besides writing: judge, choose, stop, open the agent's messages."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from support.far_agent import FarAgentTurn, until_stopped
from support.far_slack import FarSlack, Posted, direct, mention
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SlackHouse, slack_house, stamps
from support.waiting import until

pytestmark = pytest.mark.postgres

PROMPTS = [{"title": "Opening hours", "message": "When are you open?"}]


def elements(posted: Posted) -> list[dict[str, Any]]:
    """Return what can be clicked below a message."""
    return [
        one
        for block in posted.blocks
        if block["type"] in {"actions", "context_actions"}
        for one in block["elements"]
    ]


def payload(posted: Posted, action: dict[str, Any], **over: Any) -> dict[str, Any]:
    """Return the interaction of a click on something below a message."""
    found: dict[str, Any] = {
        "type": "block_actions",
        "api_app_id": "A0KONSTRUCT",
        "team": {"id": "T0ACME", "domain": "acme"},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {"id": "U0EVA", "team_id": "T0ACME"},
        "container": {"type": "message", "message_ts": posted.ts, "channel_id": posted.channel},
        "channel": {"id": posted.channel, "name": "x"},
        "message": {"ts": posted.ts, "text": posted.text, "blocks": posted.blocks}
        | ({"thread_ts": posted.thread_ts} if posted.thread_ts else {}),
        "actions": [{"action_ts": f"{posted.ts}9", **action}],
    }
    return found | over


async def click(house: SlackHouse, content: dict[str, Any]) -> httpx.Response:
    """Call the connection's address as Slack does for a click."""
    body = urlencode({"payload": json.dumps(content)}).encode()
    return await house.caller.call(body, **{"Content-Type": "application/x-www-form-urlencoded"})


def judgement(posted: Posted, value: str) -> dict[str, Any]:
    [buttons] = [one for one in elements(posted) if one["type"] == "feedback_buttons"]
    button = buttons["positive_button" if value == "up" else "negative_button"]
    return {
        "type": "feedback_buttons",
        "action_id": buttons["action_id"],
        "value": button["value"],
    }


async def test_what_people_think_of_a_reply_is_kept_with_its_turn(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        for one in mention("hello", ts="1767225700.000100"):
            await house.caller.deliver(one, f"Ev{one['type']}")
        await house.settled(1)
        [posted] = house.far.ledger
        first = payload(posted, judgement(posted, "up"))
        for content in (first, first, payload(posted, judgement(posted, "down"))):
            assert (await click(house, content)).status_code == 200
        other = payload(posted, judgement(posted, "up"), user={"id": "U0TOM"})
        assert (await click(house, other)).status_code == 200
        kept = await house.rows("SELECT person_key, value FROM konstruct.feedback ORDER BY 1")
        assert [tuple(row) for row in kept] == [("U0EVA", "down"), ("U0TOM", "up")]
        # The reply is another conversation's: nothing is kept of it.
        stray = payload(posted, judgement(posted, "up"), user={"id": "U0NOAH"})
        stray["message"]["thread_ts"] = "1767225999.000100"
        assert (await click(house, stray)).status_code == 200
        assert len(await house.rows("SELECT * FROM konstruct.feedback")) == 2
        assert (await house.ignored())["feedback_unchanged"] == 1


async def test_a_choice_is_a_message_of_whoever_clicks_first(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str | None:
        if given.text == "which?":
            await given.work.ask(given.turn, "This or that?", {"a": "This", "b": "That"})
            return None
        return f"You said: {given.text}"

    async with slack_house(database, tenant, script=script) as house:
        await house.caller.deliver(direct("which?", ts="1767225600.000100"), "Ev1")
        await house.settled(1)
        [posted] = house.far.ledger
        offered = [one for one in elements(posted) if one["type"] == "button"]
        assert [one["text"]["text"] for one in offered] == ["This", "That"]
        clicks = [
            {"type": "button", "action_id": one["action_id"], "value": one["value"]}
            for one in offered
        ]
        answers = [await click(house, payload(posted, clicks[n])) for n in (1, 1, 0)]
        assert [one.status_code for one in answers] == [200, 200, 200]
        texts = await house.settled(2)
        assert texts[1:] == ["You said: That"]
        said = await house.rows("SELECT kind FROM konstruct.inbox ORDER BY seq")
        assert [row["kind"] for row in said] == ["Message", "Choice"]
        # Nobody was asked this.
        invented = {**clicks[0], "value": clicks[0]["value"].replace("-", "-", 1)[:-1] + "zz"}
        unknown = {**clicks[0], "value": "0199a0b0-0000-7000-8000-00000000000b:a"}
        for action in (invented, unknown):
            assert (await click(house, payload(posted, action))).status_code == 200
        assert len(await house.settled(2)) == 2


async def test_a_click_that_comes_too_late_is_told_to_whoever_made_it(
    database: Database, tenant: SampleTenant
) -> None:
    tenant.over["agents"] = (tenant.agent("ana", language="es"),)

    async def script(given: FarAgentTurn) -> str | None:
        if given.text == "which?":
            await given.work.ask(given.turn, "This or that?", {"a": "This", "b": "That"})
            return None
        return f"You said: {given.text}"

    async with slack_house(database, tenant, script=script) as house:
        root = "1767225700.000100"
        for one in mention("which?", ts=root):
            await house.caller.deliver(one, f"Ev{one['type']}")
        await house.settled(1)
        [posted] = house.far.ledger
        before = payload(posted, {})
        this, that = (
            {"type": "button", "action_id": one["action_id"], "value": one["value"]}
            for one in elements(posted)
            if one["type"] == "button"
        )

        async def press(action: dict[str, Any], who: str) -> None:
            # What stands below the message when it is clicked, not when it is read here.
            shown = {**before, "actions": [{**action, "action_ts": f"{posted.ts}{who[-1]}"}]}
            answer = await click(house, {**shown, "user": {"id": who, "team_id": "T0ACME"}})
            assert answer.status_code == 200

        await press(that, "U0EVA")
        await until(lambda: "Elegido: That" in posted.seen)
        assert not [one for one in elements(posted) if one["type"] == "button"]
        assert posted.metadata["event_type"] == "konstruct_delivery"
        # Feedback on the answer stays.
        assert [one["type"] for one in elements(posted)] == ["feedback_buttons"]
        await press(this, "U0TOM")
        await until(lambda: house.far.messages.whispers)
        [(who, channel, thread, words)] = house.far.messages.whispers
        assert (who, channel, thread) == ("U0TOM", posted.channel, root)
        assert words.startswith("Esta pregunta ya")
        assert (await house.settled(2))[1:] == ["You said: That"]
        await _age_the_question(house)
        await press(this, "U0NOAH")
        await until(lambda: "cerrada" in posted.seen)
        assert [one[0] for one in house.far.messages.whispers] == ["U0TOM", "U0NOAH"]
        assert (await house.ignored())["choice_expired"] == 1


async def _age_the_question(house: SlackHouse) -> None:
    await house.database.run("UPDATE konstruct.asks SET expires_at = now()")


@pytest.mark.parametrize("streaming", [[], ["1782234987.693923"]])
async def test_the_stop_button_stops_the_turn_once(
    database: Database, tenant: SampleTenant, streaming: list[str]
) -> None:
    stopped = asyncio.Event()

    async def script(given: FarAgentTurn) -> str | None:
        if given.text != "write a book":
            return f"You said: {given.text}"
        await until_stopped(given)
        stopped.set()
        return "Half a book"

    async with slack_house(database, tenant, script=script) as house:
        root = "1767225700.000100"
        for one in mention("write a book", ts=root):
            await house.caller.deliver(one, f"Ev{one['type']}")
        await until(lambda: house.agent.turns)
        event = {
            "type": "agent_session_stopped",
            "channel": "C0GENERAL",
            "thread_ts": root,
            "user": "U0EVA",
            "streaming_message_ts": streaming,
            "event_ts": "1767225701.000100",
        }
        await asyncio.gather(*(house.caller.deliver(event, "EvStop") for _ in range(3)))
        await asyncio.wait_for(stopped.wait(), 10)
        await until(lambda: "Stopped." in house.far.texts)
        await asyncio.sleep(0.4)
        assert house.far.texts.count("Stopped.") == 1
        assert {one.thread_ts for one in house.far.ledger} == {root}
        assert (await house.ignored())["stopped"] == 1
        # Pressed when all is done, and in a thread that is nobody's: nothing is said.
        await house.caller.deliver(event, "EvStopLate")
        await house.caller.deliver({**event, "thread_ts": "1767225999.000100"}, "EvStray")
        for one in mention("and now?", ts="1767225702.000100", thread_ts=root):
            await house.caller.deliver(one, f"EvAgain{one['type']}")
        expected = ["Half a book", "Stopped.", "You said: and now?"]
        await until(lambda: sorted(house.far.texts) == expected)


async def test_stop_below_a_direct_message_stops_the_one_conversation(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str | None:
        await until_stopped(given)
        return "too late"

    async with slack_house(database, tenant, script=script) as house:
        await house.caller.deliver(direct("write", ts="1767225600.000100"), "Ev1")
        await until(lambda: house.agent.turns)
        event = {
            "type": "agent_session_stopped",
            "channel": "D0EVA",
            "thread_ts": "1767225600.000100",
            "user": "U0EVA",
            "streaming_message_ts": [],
        }
        await house.caller.deliver(event, "EvStop")
        await until(lambda: "Stopped." in house.far.texts)
        turns = await house.rows("SELECT stop_requested FROM konstruct.turns")
        assert [row["stop_requested"] for row in turns] == [True]


async def test_who_opens_the_messages_is_offered_what_to_ask(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack(seconds_per_message=0.0)
    config = {"appId": "A0KONSTRUCT", "teamId": "T0ACME", "suggestedPrompts": PROMPTS}
    async with slack_house(database, tenant, far=far) as house:
        tenant.over["connections"] = (tenant.connection("team", type="Slack", config=config),)
        await tenant.register(house.gateway.internal_url)
        event = {"type": "app_home_opened", "user": "U0EVA", "channel": "D0EVA", "tab": "messages"}
        for number in range(2):
            await house.caller.deliver(event, "Ev1")
            await house.caller.deliver({**event, "tab": "home"}, f"EvHome{number}")
        await until(lambda: far.messages.prompts == {"D0EVA": PROMPTS})
        await asyncio.sleep(0.2)
        calls = [method for method, _ in far.calls]
        assert calls.count("assistant.threads.setSuggestedPrompts") == 1
        assert await house.ignored() == {"opened": 1, "app_home_opened": 2}


async def test_other_clicks_are_counted_and_anothers_secret_opens_nothing(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        times = stamps()
        await house.caller.deliver(direct("hello", ts=next(times)), "Ev1")
        await house.settled(1)
        [posted] = house.far.ledger
        content = payload(posted, judgement(posted, "up"))
        secret, house.caller.secret = house.caller.secret, "of-another-tenant"
        assert (await click(house, content)).status_code == 401
        house.caller.secret = secret
        others: list[dict[str, Any]] = [
            {"actions": [{"action_id": "x", "type": "button", "action_ts": "1.1"}]},
            {"team": {"id": "T0OTHER"}},
            {"api_app_id": "A0OTHER"},
            {"type": "view_submission", "view": {"app_installed_team_id": "T0OTHER"}},
        ]
        for number, over in enumerate(others):
            assert (await click(house, content | over)).status_code == 200, number
        assert await house.ignored() == {"unknown_action": 1, "another_team": 2, "another_app": 1}
        assert await house.rows("SELECT * FROM konstruct.feedback") == []
