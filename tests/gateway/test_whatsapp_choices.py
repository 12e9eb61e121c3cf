"""Buttons below a question: the first press answers it, and a later one is words."""

import pytest

from support.far_agent import FarAgentTurn
from support.gateways import SampleTenant
from support.postgres import Database
from support.whatsapp_events import EVA, Document, WhatsAppEvents, Writer
from support.whatsapp_house import WhatsAppHouse, whatsapp_house

pytestmark = pytest.mark.postgres

SHY = Writer("", EVA.user_id)


async def asking(given: FarAgentTurn) -> str | None:
    if given.text == "which?":
        await given.work.ask(given.turn, "This or that?", {"a": "This", "b": "That"})
        return None
    return f"You said: {given.text}"


async def asked(house: WhatsAppHouse) -> str:
    """Let the agent ask; return the question's id."""
    await house.caller.deliver(house.caller.events.text("which?"))
    await house.settled(1)
    [(_, outgoing)] = house.far.sent
    assert [one.label for one in outgoing.choices] == ["This", "That"]
    return str(outgoing.ask_id)


def listed(events: WhatsAppEvents, choice: str, title: str) -> Document:
    reply = {"type": "list_reply", "list_reply": {"id": choice, "title": title}}
    return events.message({"type": "interactive", "interactive": reply}, writer=SHY)


async def test_a_press_answers_the_question_once_by_whichever_name(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant, script=asking) as house:
        events, ask = house.caller.events, await asked(house)
        press = listed(events, f"{ask}:b", "That")
        for _ in range(2):
            assert (await house.caller.deliver(press)).status_code == 200
        assert (await house.settled(2))[1:] == ["You said: That"]
        # Pressed again, it says nothing new.
        await house.caller.deliver(events.pressed(f"{ask}:b", "That"))
        assert len(await house.settled(2)) == 2
        said = await house.rows("SELECT kind FROM konstruct.inbox ORDER BY seq")
        assert [row["kind"] for row in said] == ["Message", "Choice"]


async def test_who_presses_another_button_later_means_it(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant, script=asking) as house:
        events, ask = house.caller.events, await asked(house)
        await house.caller.deliver(events.pressed(f"{ask}:a", "This"))
        await house.settled(2)
        other = events.pressed(f"{ask}:b", "That")
        for _ in range(2):
            await house.caller.deliver(other)
        assert (await house.settled(3))[1:] == ["You said: This", "You said: That"]
        said = await house.rows("SELECT kind FROM konstruct.inbox ORDER BY seq")
        assert [row["kind"] for row in said] == ["Message", "Choice", "Message"]


async def test_the_button_of_a_question_that_is_over_is_words(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant, script=asking) as house:
        events, ask = house.caller.events, await asked(house)
        await house.rows("UPDATE konstruct.asks SET expires_at = now() - interval '1 minute'")
        await house.caller.deliver(events.pressed(f"{ask}:a", "This"))
        await house.settled(2)
        nobodys = "0199a0b0-0000-7000-8000-00000000000b"
        await house.caller.deliver(events.pressed(f"{nobodys}:a", "Cancel"))
        assert (await house.settled(3))[1:] == ["You said: This", "You said: Cancel"]
