"""People see that they were heard and what is being done, until the answer is there."""

import pytest

from support.far_agent import FarAgentTurn
from support.far_slack import FarSlack, direct, mention
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SlackHouse, slack_house
from support.speech import speaking
from support.waiting import until

pytestmark = pytest.mark.postgres
ROOT = "1767225700.000100"
PLACE = ("T0ACME", "C0GENERAL", ROOT)


async def ask(house: SlackHouse) -> None:
    for one in mention("what time is it?", ts=ROOT):
        assert await house.caller.deliver(one, f"Ev-{one['type']}")


async def test_a_session_is_at_work_until_the_answer_and_says_what_it_does(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str:
        signs = house.far.messages
        await until(lambda: signs.sign("C0GENERAL", ROOT))
        assert signs.sign("C0GENERAL", ROOT) == "is working on an answer …"
        assert signs.sessions[PLACE] == ["processing"]
        await given.work.note(given.turn, "Looking at the clock")
        await until(lambda: signs.sign("C0GENERAL", ROOT) == "Looking at the clock")
        return "Noon."

    async with slack_house(database, tenant, script=script) as house:
        await ask(house)
        assert await house.settled(1) == ["Noon."]
        signs = house.far.messages
        await until(lambda: signs.sessions[PLACE][-1] == "active")
        assert signs.sign("C0GENERAL", ROOT) == ""


async def test_a_direct_message_carries_its_sign_itself(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await house.caller.deliver(direct("hola", ts=ROOT), "Ev1")
        assert await house.settled(1) == ["You said: hola"]
        await until(
            lambda: house.far.messages.sessions.get(("T0ACME", "D0EVA", ROOT), [""])[-1] == "active"
        )


async def test_an_app_that_is_no_agent_is_asked_once_and_still_shows_words(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.workspaces[0].agent = False
    async with slack_house(database, tenant, far=far) as house:
        await house.caller.deliver(direct("one", ts=ROOT), "Ev1")
        await house.settled(1)
        await house.caller.deliver(direct("two", ts="1767225800.000100"), "Ev2")
        await house.settled(2)
        assert [name for name, _ in far.calls].count("agents.sessions.setStatus") == 1
        assert far.messages.said_signs == ["is working on an answer …"] * 2


async def test_what_goes_wrong_with_a_sign_never_touches_the_answer(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    for method in ("agents.sessions.setStatus", "assistant.threads.setStatus"):
        far.tiers[method] = 0
    async with slack_house(database, tenant, far=far) as house:
        await house.caller.deliver(direct("one", ts=ROOT), "Ev1")
        assert await house.settled(1) == ["You said: one"]


async def test_the_steps_of_the_work_are_shown_in_the_stream(
    database: Database, tenant: SampleTenant
) -> None:
    async def script(given: FarAgentTurn) -> str:
        async with speaking(given) as speech:
            speech.say("Let me look. ")
            await until(lambda: house.far.ledger)
            await speech.does("Looking at <!channel> the clock")
            await until(lambda: house.far.ledger[0].tasks)
            [task] = house.far.ledger[0].tasks.values()
            assert task["status"] == "in_progress"
            assert task["title"] == "Looking at <\u200b!channel> the clock"
            speech.restart()
            speech.say("It is noon. Or nearly.")
            await until(lambda: "noon" in house.far.ledger[0].text)
            [task] = house.far.ledger[0].tasks.values()
            assert task["status"] == "complete"
        return "It is noon."

    async with slack_house(database, tenant, script=script) as house:
        await ask(house)
        await until(lambda: house.far.ledger and house.far.ledger[0].seen == "It is noon.")
        assert len(house.far.ledger) == 1


async def test_an_answer_asks_what_people_think_of_it(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        await house.caller.deliver(direct("hello", ts=ROOT), "Ev1")
        await house.settled(1)
        [posted] = house.far.ledger
        [row] = await house.rows("SELECT turn_id FROM konstruct.turns")
        [buttons] = posted.buttons
        assert buttons["action_id"] == "konstruct_feedback"
        assert buttons["positive_button"]["value"] == f"{row['turn_id']}:up"
        assert buttons["negative_button"]["value"] == f"{row['turn_id']}:down"
        assert posted.seen == "You said: hello"


async def test_a_workspace_that_refuses_the_buttons_gets_the_answer_without_them(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarSlack()
    far.workspaces[0].feedback = False
    async with slack_house(database, tenant, far=far) as house:
        for number in range(2):
            await house.caller.deliver(direct("hello", ts=f"{ROOT[:-1]}{number}"), f"Ev{number}")
            await house.settled(number + 1)
        assert [one.seen for one in far.ledger] == ["You said: hello"] * 2
        assert not any(one.buttons for one in far.ledger)
        assert [name for name, _ in far.calls].count("chat.postMessage") == 3
