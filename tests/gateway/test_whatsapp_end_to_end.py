"""WhatsApp, from Meta's call to the answer: once, in order, whatever a delivery holds."""

import asyncio

import pytest

from support.far_agent import FarAgentTurn
from support.gateways import SampleTenant
from support.postgres import Database
from support.whatsapp_events import EVA, TOM, Document, Writer, merged, packed
from support.whatsapp_house import whatsapp_house

pytestmark = pytest.mark.postgres

SHY = Writer("", EVA.user_id)


async def test_meta_asks_whether_somebody_is_here(database: Database, tenant: SampleTenant) -> None:
    async with whatsapp_house(database, tenant) as house:
        answer = await house.caller.handshake(challenge="1158201444")
        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert answer.headers["content-type"].startswith("text/plain")
        for wrong in (
            house.caller.handshake("another"),
            house.caller.handshake(""),
            house.caller.handshake(mode="unsubscribe"),
            house.caller.handshake(challenge="<script>"),
            house.caller.client.get(house.caller.url),
        ):
            assert (await wrong).status_code == 403
        # Nothing of the question is worth a delivery.
        unsigned = await house.caller.client.post(house.caller.url, content=b"{}")
        assert unsigned.status_code == 401


async def test_a_message_is_answered_once_however_often_it_comes(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        body = packed(events.delivery(events.text("When are you open?")))
        answers = await asyncio.gather(*(house.caller.call(body) for _ in range(5)))
        assert {one.status_code for one in answers} == {200}
        assert await house.settled(1) == ["You said: When are you open?"]
        assert (await house.caller.call(body)).status_code == 200
        assert await house.settled(1) == ["You said: When are you open?"]
        assert house.far.readers == [EVA.number]


async def test_a_batch_is_taken_whole_and_a_broken_item_costs_nothing_but_itself(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events
        first = merged(
            [
                events.text("one"),
                events.message({"type": "text", "text": {"body": 5}}),
                events.message({"type": "hologram"}),
                events.text("half \ud83d of it", writer=TOM),
            ]
        )
        second = merged([events.text("two"), events.status("wamid.NOBODYS", "read")])
        elsewhere = {**events.text("stray"), "metadata": {"phone_number_id": "999"}}
        answer = await house.caller.deliver(first, elsewhere, second)
        assert answer.status_code == 200
        await house.settled(2)
        assert await house.said() == [
            (EVA.number, "one"),
            (EVA.number, "two"),
            (TOM.number, "half  of it"),
        ]
        assert await house.ignored() == {
            "another_number": 1,
            "empty_text": 1,
            "receipt_of_another": 1,
            "unknown_type": 1,
        }


async def test_a_thousand_updates_in_one_delivery_are_all_kept(
    database: Database, tenant: SampleTenant
) -> None:
    async def nothing(_given: FarAgentTurn) -> str | None:
        return None

    async with whatsapp_house(database, tenant, script=nothing) as house:
        events = house.caller.events
        people = [Writer(f"1650555{number:04d}", f"US.{number}") for number in range(250)]
        said = [
            events.text(f"{turn} " + "x" * 3300, writer=person)
            for turn in range(3)
            for person in people
        ]
        other = [events.status(f"wamid.OF{number}", "delivered") for number in range(200)]
        broken = [events.message({"type": "unsupported"}) for _ in range(50)]
        body = packed(events.delivery(merged([*said, *other, *broken])))
        assert 2_500_000 < len(body) < 3_145_728
        # Meta repeats what it has no answer to yet, and what nobody could take at that moment.
        answers = await asyncio.gather(house.caller.call(body), house.caller.call(body))
        assert {one.status_code for one in answers} <= {200, 503}, [one.text for one in answers]
        for _ in range(20):
            if (await house.caller.call(body)).status_code == 200:
                break
            await asyncio.sleep(0.5)
        [row] = await house.rows("SELECT count(*) AS n FROM konstruct.inbox")
        assert row["n"] == 750
        wrong = await house.rows(
            "SELECT conversation_id FROM konstruct.inbox GROUP BY conversation_id"
            " HAVING count(*) <> 3"
        )
        assert wrong == []
        assert (await house.ignored())["unsupported"] == 50


async def test_what_is_too_large_is_refused_and_what_nobody_can_take_now_comes_again(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        assert (await house.caller.call(b" " * 3_200_000)).status_code == 413
        tenant.over["agents"] = ()
        await tenant.register(house.gateway.internal_url)
        message = house.caller.events.text("Anybody?")
        answer = await house.caller.deliver(message)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        del tenant.over["agents"]
        await tenant.register(house.gateway.internal_url)
        assert (await house.caller.deliver(message)).status_code == 200
        assert await house.settled(1) == ["You said: Anybody?"]


async def test_commands_work_as_everywhere(database: Database, tenant: SampleTenant) -> None:
    async with whatsapp_house(database, tenant) as house:
        # A hand-off withholds what is not sent yet: each answer is waited for.
        for number, text in enumerate(("ayuda", "Start over!", "talk to a human"), 1):
            await house.caller.deliver(house.caller.events.text(text))
            texts = await house.settled(number)
        assert len(texts) == 3
        assert not any(one.startswith("You said") for one in texts)
        [row] = await house.rows("SELECT mode FROM konstruct.conversations")
        assert row["mode"] == "Human"


async def test_only_who_is_listed_is_answered_by_whichever_name(
    database: Database, tenant: SampleTenant
) -> None:
    access = {"policy": "Listed", "allowed": [f"+{EVA.number}", TOM.user_id]}
    async with whatsapp_house(database, tenant, connection={"access": access}) as house:
        events = house.caller.events
        stranger = Writer("16505550000", "US.0", "Noah")
        await house.caller.deliver(events.text("hello", writer=stranger))
        await house.caller.deliver(events.text("hello again", writer=stranger))
        await house.caller.deliver(events.text("by number"), events.text("by id", writer=TOM))
        texts = await house.settled(3)
        assert sorted(one for one in texts if one.startswith("You")) == [
            "You said: by id",
            "You said: by number",
        ]
        assert len(texts) == 3
        assert await house.ignored() == {"not_listed": 2}


async def test_the_agent_reads_which_message_is_answered(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events

        def answering(quoted: str, text: str, writer: Writer = EVA) -> Document:
            return events.text(text, writer=writer, context={"from": "x", "id": quoted})

        first = events.text("Two tickets, please")
        await house.caller.deliver(first)
        await house.settled(1)
        [(ours, _)] = house.far.sent
        await house.caller.deliver(answering(ours, "Yes, that"))
        assert (await house.settled(2))[
            -1
        ] == "You said: > You said: Two tickets, please\n\nYes, that"
        theirs = first["messages"][0]["id"]
        await house.caller.deliver(answering(theirs, "Three", writer=SHY))
        assert (await house.settled(3))[-1] == "You said: > Two tickets, please\n\nThree"
        # Another person's messages, and commands, are no words to quote or to be quoted below.
        await house.caller.deliver(answering(theirs, "hello", writer=TOM))
        assert (await house.settled(4))[-1] == "You said: hello"
        await house.caller.deliver(answering(ours, "help"))
        assert not (await house.settled(5))[-1].startswith("You said")


async def test_what_meta_says_about_the_account_becomes_a_condition(
    database: Database, tenant: SampleTenant
) -> None:
    async with whatsapp_house(database, tenant) as house:
        events = house.caller.events

        def account(event: str, **entry: object) -> bytes:
            change = events.change({"event": event}, "account_update")
            return packed(events.of_changes([change], **entry))

        assert (await house.caller.call(account("ACCOUNT_DELETED", id="999"))).status_code == 200
        assert "Authenticated" not in await house.reports()
        assert (await house.caller.call(account("ACCOUNT_DELETED"))).status_code == 200
        assert (await house.reports())["Authenticated"] == ("False", "AccountGone")
        assert (await house.caller.call(account("ACCOUNT_ASCENDED"))).status_code == 200
        assert await house.ignored() == {
            "account_deleted": 1,
            "another_account": 1,
            "unknown_account_event": 1,
        }
        # Messages come in all the same, and are kept.
        await house.caller.deliver(events.text("Hello?"))
        assert await house.settled(1) == ["You said: Hello?"]
