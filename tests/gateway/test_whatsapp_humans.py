"""A human of the business answers from the phone: the agent is silent, and knows what was said."""

import asyncio

import pytest

from konstruct_messages.turns import ConversationMode
from konstruct_store import settle
from support.far_agent import FarAgentTurn
from support.gateways import SampleTenant
from support.postgres import Database, open_store
from support.whatsapp_events import EVA, TOM
from support.whatsapp_house import whatsapp_house

pytestmark = pytest.mark.postgres


async def test_the_agent_does_not_talk_over_a_human_on_the_phone(
    database: Database, tenant: SampleTenant
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(given: FarAgentTurn) -> str:
        begun.set()
        await ended.wait()
        window = [f"{line.speaker}: {line.text}" for line in given.turn.window]
        return f"{given.text} after {window}"

    async with whatsapp_house(database, tenant, script=slow) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("Is my order on its way?"))
        await begun.wait()
        echo = events.echo("I'll look into it myself", reader=EVA)
        answers = [await house.caller.deliver(echo) for _ in range(2)]
        assert {one.status_code for one in answers} == {200}
        ended.set()
        await house.caller.deliver(events.text("Thank you"))
        await house.settled(0)
        assert house.far.texts == []
        assert await house.ignored() == {"human_answered": 1}
        rows = await house.rows("SELECT kind, payload FROM konstruct.log ORDER BY seq")
        assert [row["kind"] for row in rows] == ["Said", "Marker", "Reply", "Said"]
        # Handed back, the agent has read it all.
        async with open_store(database, "gateway") as store:
            [row] = await house.rows("SELECT conversation_id FROM konstruct.conversations")
            here = (tenant.tenant_id, row["conversation_id"])
            await settle.set_mode(store, *here, ConversationMode.AGENT, actor="eva")
        await house.caller.deliver(events.text("And now?"))
        [text] = await house.settled(1)
        assert "I'll look into it myself" in text
        assert text.startswith("And now?")


async def test_a_conversation_that_the_business_begins_is_the_humans(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        await house.caller.deliver(events.echo("Your table is ready", reader=TOM))
        await house.caller.deliver(events.text("Coming!", writer=TOM))
        await house.caller.deliver(events.text("Anybody?"))
        assert await house.settled(1) == ["You said: Anybody?"]
        rows = await house.rows(
            "SELECT conversation_key, mode FROM konstruct.conversations ORDER BY 1"
        )
        assert {row["conversation_key"]: row["mode"] for row in rows} == {
            EVA.number: "Agent",
            TOM.number: "Human",
        }


async def test_what_no_human_said_changes_nothing(database: Database, tenant: SampleTenant) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("hello"))
        await house.settled(1)
        [(vendor_id, _)] = house.far.sent
        await house.caller.deliver(
            events.echo("hi", message_creation_type="created_by_1p_bot"),
            events.echo("", type="revoke", revoke={"original_message_id": "wamid.X"}),
            events.echo("our own", id=vendor_id),
        )
        await house.caller.deliver(events.text("still there?"))
        assert (await house.settled(2))[-1] == "You said: still there?"
        assert await house.ignored() == {
            "echo_of_a_bot": 1,
            "echo_of_a_change": 1,
            "human_answered": 1,
        }
