"""One person on one number is one conversation, by whatever names, and whatever changes."""

import pytest

from support.far_agent import FarAgentTurn
from support.gateways import SampleTenant
from support.postgres import Database
from support.whatsapp_events import EVA, TOM, Writer
from support.whatsapp_house import WhatsAppHouse, whatsapp_house

pytestmark = pytest.mark.postgres

ALONE = Writer(EVA.number)
SHY = Writer("", EVA.user_id)
MOVED = Writer("16505559999", EVA.user_id)


async def window(given: FarAgentTurn) -> str:
    """Answer with everything that was said before."""
    before = [line.text for line in given.turn.window if line.speaker == "Person"]
    return f"{given.text} after {before}"


async def conversations(house: WhatsAppHouse) -> list[str]:
    rows = await house.rows("SELECT conversation_key FROM konstruct.conversations ORDER BY 1")
    return [row["conversation_key"] for row in rows]


async def test_a_person_is_the_same_by_number_by_user_id_and_by_both(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant, script=window) as house:
        events = house.caller.events
        for number, writer in enumerate((ALONE, EVA, SHY, ALONE), 1):
            await house.caller.deliver(events.text(str(number), writer=writer))
            await house.settled(number)
        assert house.far.texts[-1] == "4 after ['1', '2', '3']"
        # A person who was known by the user id alone is still written to by it.
        for number, writer in enumerate((Writer("", TOM.user_id), TOM), 5):
            await house.caller.deliver(events.text(str(number), writer=writer))
            await house.settled(number)
        assert await conversations(house) == [EVA.number, TOM.user_id]
        assert house.far.readers[-2:] == [TOM.user_id, TOM.user_id]


async def test_two_names_of_one_person_in_one_batch_are_one_conversation(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        said = [events.text(str(n), writer=one) for n, one in enumerate((EVA, SHY, ALONE))]
        await house.caller.deliver(*said)
        await house.settled(1)
        assert await house.said() == [(EVA.number, "0"), (EVA.number, "1"), (EVA.number, "2")]


async def test_a_new_number_keeps_the_conversation_and_the_old_one_is_nobodys(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant, script=window) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("before"))
        await house.settled(1)
        change = events.system("user_changed_number", ALONE, wa_id=MOVED.number)
        # The batch is read in its order: the first is the old person's, the last the new one's.
        new_owner = Writer(EVA.number, "US.NEWOWNER", "Noah")
        answer = await house.caller.deliver(
            events.text("still here", writer=ALONE),
            change,
            events.text("moved", writer=Writer(MOVED.number)),
            events.text("who was this?", writer=new_owner),
        )
        assert answer.status_code == 200
        assert (await house.caller.deliver(change)).status_code == 200
        await house.settled(3)
        assert await house.said() == [
            (EVA.number, "who was this?"),
            (MOVED.number, "before"),
            (MOVED.number, "still here"),
            (MOVED.number, "moved"),
        ]
        answers = dict(zip(house.far.readers[1:], house.far.texts[1:], strict=False))
        assert answers[EVA.number] == "who was this? after []"
        assert "before" in answers[MOVED.number]
        assert await house.ignored() == {"name_changed": 1}


async def test_what_waits_goes_to_the_new_number(database: Database, tenant: SampleTenant) -> None:
    async def silent(_given: FarAgentTurn) -> str | None:
        return None

    async with whatsapp_house(database, tenant, script=silent) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("hello"))
        await house.caller.deliver(events.system("user_changed_number", ALONE, wa_id=MOVED.number))
        # What a command answers is queued under the name that holds when it goes out.
        await house.caller.deliver(events.text("help", writer=Writer(MOVED.number)))
        rows = await house.rows("SELECT conversation_key, person_key FROM konstruct.conversations")
        assert [tuple(row) for row in rows] == [(MOVED.number, MOVED.number)]


async def test_a_new_user_id_keeps_the_conversation(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant, script=window) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("before", writer=SHY))
        await house.settled(1)
        hint = events.system("user_changed_user_id", Writer(), user_id="US.LATER")
        update = {
            "user_id": {"previous": EVA.user_id, "current": "US.LATER"},
            "timestamp": "1767225600",
        }
        link = events.value(user_id_update=[update])
        assert (await house.caller.deliver(hint, link, link)).status_code == 200
        await house.caller.deliver(events.text("after", writer=Writer("", "US.LATER")))
        texts = await house.settled(2)
        assert texts[-1] == "after after ['before']"
        assert house.far.readers[-1] == "US.LATER"
        assert await conversations(house) == ["US.LATER"]


async def test_a_change_that_comes_after_the_new_number_wrote_joins_nothing(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        await house.caller.deliver(events.text("before", writer=ALONE))
        await house.caller.deliver(events.text("after", writer=Writer(MOVED.number)))
        await house.settled(2)
        change = events.system("user_changed_number", ALONE, wa_id=MOVED.number)
        unknown = events.system("user_changed_number", Writer("15550001111"), wa_id="15550002222")
        assert (await house.caller.deliver(change, unknown)).status_code == 200
        assert await conversations(house) == [EVA.number, MOVED.number]
        assert await house.ignored() == {"name_changed": 2}
