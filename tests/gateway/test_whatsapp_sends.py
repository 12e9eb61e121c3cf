"""WhatsApp's outbound half through the gateway and a real Graph API: each answer once, in order."""

import asyncio
from collections import deque

import pytest

from support.far_agent import FarAgentTurn
from support.far_graph import FarGraph, Number, Told, failed, nothing
from support.far_troubles import Trouble
from support.gateways import SampleTenant
from support.graph_house import graph_house
from support.postgres import Database
from support.waiting import until
from support.whatsapp_events import EVA, TOM, Writer

pytestmark = [pytest.mark.postgres, pytest.mark.sockets]

DELIVERY = "SELECT state, receipt, cause, reason, vendor_id FROM konstruct.deliveries"


async def test_an_answer_is_one_bubble_in_whatsapps_own_marks(
    database: Database, tenant: SampleTenant
) -> None:
    async def styled(_given: FarAgentTurn) -> str:
        return (
            "# Prices\n\n**one** and *two*: [list](https://acme.example/p)\n\n- `a`\n" + "x" * 3900
        )

    async with graph_house(database, tenant, script=styled) as house:
        await house.say("hello")
        row = await house.until_row(DELIVERY, state="Sent", receipt="read")
        [sent] = house.far.ledger
    assert sent.text.startswith(
        "*Prices*\n\n*one* and _two_: list (https://acme.example/p)\n\n- `a`"
    )
    assert sent.body["to"] == EVA.number
    assert sent.body["text"]["preview_url"] is True
    assert row["vendor_id"] == sent.wamid


async def test_a_long_answer_is_split_in_order_into_deliveries_of_their_own(
    database: Database, tenant: SampleTenant
) -> None:
    lines = [f"line {number} " + "word " * 30 for number in range(80)]

    async def long(_given: FarAgentTurn) -> str:
        return "\n".join(lines)

    async with graph_house(database, tenant, script=long) as house:
        await house.say("hello")
        await until(lambda: len(house.far.ledger) >= 4)
        rows = await house.rows("SELECT part FROM konstruct.deliveries ORDER BY part")
        texts = house.far.texts
        entries = await house.rows("SELECT 1 FROM konstruct.log WHERE kind = 'Reply'")
    assert len(entries) == 1
    assert [row["part"] for row in rows] == [0, 1, 2, 3]
    assert "\n".join(texts).split() == "\n".join(lines).split()
    assert all(len(text) <= 4096 for text in texts)
    assert [text.split()[1] for text in texts] == sorted(
        (text.split()[1] for text in texts), key=int
    )


async def test_a_person_without_a_number_is_answered_by_the_user_id(
    database: Database, tenant: SampleTenant
) -> None:
    async with graph_house(database, tenant) as house:
        await house.say("hello", writer=Writer(user_id="US.13491208655302741918"))
        await house.until_row(DELIVERY, state="Sent", receipt="read")
        [sent] = house.far.ledger
    assert sent.body["recipient"] == "US.13491208655302741918"
    assert "to" not in sent.body


async def test_the_message_is_read_and_somebody_types_until_the_answer(
    database: Database, tenant: SampleTenant
) -> None:
    answer = asyncio.Event()

    async def slow(_given: FarAgentTurn) -> str:
        await answer.wait()
        return "here it is"

    async with graph_house(database, tenant, script=slow) as house:
        wamid = await house.say("hello")
        await until(lambda: len(house.far.signs) >= 1)
        answer.set()
        await until(lambda: house.far.texts == ["here it is"])
    assert house.far.signs[0]["message_id"] == wamid
    assert house.far.signs[0]["typing_indicator"] == {"type": "text"}


async def test_an_answer_quotes_its_question_once_the_person_wrote_on(
    database: Database, tenant: SampleTenant
) -> None:
    answer = asyncio.Event()

    async def slow(given: FarAgentTurn) -> str:
        await answer.wait()
        return f"to {given.text}"

    async with graph_house(database, tenant, script=slow) as house:
        first = await house.say("one")
        await until(lambda: len(house.agent.turns) == 1)
        await house.say("two")
        answer.set()
        await until(lambda: house.far.texts == ["to one", "to two"])
    assert [one.body.get("context") for one in house.far.ledger] == [{"message_id": first}, None]


async def test_choices_are_buttons_then_a_list_then_words(
    database: Database, tenant: SampleTenant
) -> None:
    async def ask(given: FarAgentTurn) -> None:
        labels = {"a": ["Yes", "No"], "b": [f"Choice {n}" for n in range(7)], "c": ["x" * 60, "y"]}
        offered = {f"k{n}": label for n, label in enumerate(labels[given.text[0]])}
        said = "Which one?" if given.text != "c long" else "Which one? " + "so " * 400
        (await given.work.ask(given.turn, said, offered)).raise_for_status()

    async with graph_house(database, tenant, script=ask) as house:
        for number, text in enumerate(("a", "b", "c", "c long"), 1):
            await house.say(text, writer=Writer(f"1650555100{number}"))
            await until(lambda count=number: len(house.far.ledger) == count)  # type: ignore[misc]
    buttons, rows, described, words = house.far.ledger
    assert [one["reply"]["title"] for one in buttons.body["interactive"]["action"]["buttons"]] == [
        "Yes",
        "No",
    ]
    assert len(rows.body["interactive"]["action"]["sections"][0]["rows"]) == 7
    assert (
        described.body["interactive"]["action"]["sections"][0]["rows"][0]["description"] == "x" * 60
    )
    assert words.kind == "text"
    assert words.text.endswith("1. " + "x" * 60 + "\n2. y")


async def test_a_pair_that_is_too_fast_waits_and_nothing_is_dropped(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(pair_burst=2, pair_seconds=0.5)
    async with graph_house(database, tenant, far=far) as house:
        far.troubles["messages"] = deque([131056, None, 130429, None, None])
        for number in range(3):
            await house.say(f"m{number}")
            await until(lambda count=number: len(house.agent.turns) > count)  # type: ignore[misc]
        await house.say("other", writer=TOM)
        await until(lambda: len(far.ledger) == 4, seconds=60)
    assert [one.text for one in far.ledger if one.person == EVA.number] == [
        f"You said: m{number}" for number in range(3)
    ]
    assert ("messages", 400) in far.calls


async def test_a_lost_answer_is_settled_by_the_status_that_names_it(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(telling=lambda _sent: (Told("delivered", 0.5),))
    far.troubles["messages"] = deque([Trouble.DROP_ANSWER])
    async with graph_house(database, tenant, far=far) as house:
        await house.say("hello")
        row = await house.until_row(DELIVERY, state="Sent", receipt="delivered")
        await house.say("again")
        await until(lambda: len(far.ledger) == 2)
    assert row["vendor_id"] == far.ledger[0].wamid
    assert far.texts == ["You said: hello", "You said: again"]


async def test_without_a_verdict_it_is_unknown_and_never_sent_again_by_itself(
    database: Database, tenant: SampleTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("konstruct_channels.whatsapp.outbound.VERDICT_SECONDS", 0.2)
    far = FarGraph(telling=nothing)
    far.troubles["messages"] = deque([Trouble.ERROR_AFTER])
    async with graph_house(database, tenant, far=far) as house:
        await house.say("hello")
        await house.until_row(f"{DELIVERY} WHERE about_turn_id IS NULL", state="Unknown")
        await until(lambda: len(far.ledger) == 2)
        await far.tell(far.ledger[0], Told("read"))
        await house.until_row(
            f"{DELIVERY} WHERE about_turn_id IS NULL", state="Sent", receipt="read"
        )
    assert far.texts[0] == "You said: hello"
    assert far.texts.count("You said: hello") == 1


async def test_statuses_in_any_order_leave_the_highest(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(telling=nothing)
    async with graph_house(database, tenant, far=far) as house:
        await house.say("hello")
        await house.until_row(DELIVERY, state="Sent")
        await far.tell(far.ledger[0], Told("read"), Told("sent"), Told("delivered"), failed(131026))
        await house.until_row(DELIVERY, state="Sent", receipt="read")


async def test_a_late_failure_is_a_refusal_with_the_next_step_or_another_try(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(telling=nothing)
    async with graph_house(database, tenant, far=far) as house:
        await house.say("hello")
        await house.until_row(DELIVERY, state="Sent")
        await far.tell(far.ledger[0], Told("sent"), failed(131026), Told("delivered"))
        row = await house.until_row(DELIVERY, state="Refused", receipt="failed", cause="Vendor")
        assert row["reason"].startswith("131026: ")
        await house.say("two", writer=TOM)
        await until(lambda: len(far.ledger) == 2)
        await house.until_states(("You said: hello", "Refused"), ("You said: two", "Sent"))
        busy = failed(131016)
        await far.tell(far.ledger[1], busy)
        await house.run("UPDATE konstruct.delivery_dispatch SET due_at = now()")
        await until(lambda: len(far.ledger) == 3)
        await house.until_states(("You said: hello", "Refused"), ("You said: two", "Sent"))
        await far.tell(far.ledger[1], busy)
        await far.tell(far.ledger[2], Told("delivered"))
        await house.until_row(f"{DELIVERY} WHERE receipt = 'delivered'", state="Sent")
    assert far.texts == ["You said: hello", "You said: two", "You said: two"]


async def test_a_locked_account_is_a_condition_with_the_next_step(
    database: Database, tenant: SampleTenant
) -> None:
    health = {
        "can_send_message": "BLOCKED",
        "entities": [
            {"errors": [{"error_description": "Locked.", "possible_solution": "Appeal it."}]}
        ],
    }
    far = FarGraph(numbers=[Number(refuses=131031, health=health)])
    async with graph_house(database, tenant, far=far) as house:
        await house.say("hello")
        await house.until_row(DELIVERY, state="Refused", cause="Credentials")
        row = await house.until_row(
            "SELECT status, reason, message FROM konstruct.registry_reports"
            " WHERE condition = 'Authenticated'",
            status="False",
        )
    assert row["reason"] == "SendingBlocked"
    assert "Appeal it." in row["message"]
