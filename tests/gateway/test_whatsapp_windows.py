"""The 24-hour window: what falls outside is held, asked for by a template, and then goes out."""

import asyncio
from collections import deque
from typing import Any

import pytest

from support.far_agent import FarAgentTurn
from support.far_graph import FarGraph, Told, failed, nothing
from support.gateways import SampleTenant
from support.graph_house import GraphHouse, graph_house
from support.postgres import Database
from support.waiting import until
from support.whatsapp_events import EVA, TOM

pytestmark = [pytest.mark.postgres, pytest.mark.sockets]

TEMPLATE: dict[str, Any] = {
    "name": "answer_ready",
    "language": "en",
    "status": "APPROVED",
    "category": "UTILITY",
}
CONFIG = {"reopenTemplate": "answer_ready", "reopenLanguage": "en"}


class Slow:
    """An agent that answers when it is told to; `quick` people are answered at once."""

    def __init__(self, *quick: str) -> None:
        self.answer = asyncio.Event()
        self._quick = quick

    async def __call__(self, given: FarAgentTurn) -> str:
        if given.text not in self._quick:
            await self.answer.wait()
        return f"to {given.text}"


async def let_a_day_pass(house: GraphHouse) -> None:
    """Move every window to its end, here and at Meta."""
    await house.run("UPDATE konstruct.conversations SET window_ends_at = now() - interval '1 s'")
    house.far.wrote(EVA.number, seconds_ago=86_401)


async def test_a_late_answer_is_held_reopened_by_a_template_and_released(
    database: Database, tenant: SampleTenant
) -> None:
    script = Slow("quick")
    far = FarGraph(windows=True, templates=[TEMPLATE])
    async with graph_house(database, tenant, script=script, config=CONFIG, far=far) as house:
        await house.say("one")
        await until(lambda: len(house.agent.turns) == 1)
        await let_a_day_pass(house)
        script.answer.set()
        await house.until_states(("to one", "Held"), ("[answer_ready]", "Sent"))
        await house.say("quick", writer=TOM)
        await until(lambda: "to quick" in far.texts)
        await house.say("two")
        await until(lambda: len(far.ledger) == 4)
        entries = await house.rows(
            "SELECT payload ->> 'code' AS code FROM konstruct.log WHERE kind = 'Notice'"
        )
    assert far.texts == ["[template answer_ready]", "to quick", "to one", "to two"]
    assert far.ledger[0].body["template"] == {"name": "answer_ready", "language": {"code": "en"}}
    assert [row["code"] for row in entries] == ["Reopened"]


async def test_without_a_template_it_waits_and_the_backlog_says_so(
    database: Database, tenant: SampleTenant
) -> None:
    script = Slow()
    async with graph_house(
        database, tenant, script=script, far=FarGraph(windows=True), backlog_seconds=0.1
    ) as house:
        await house.say("one")
        await until(lambda: len(house.agent.turns) == 1)
        await let_a_day_pass(house)
        script.answer.set()
        row = await house.until_row(
            "SELECT state, cause, reason FROM konstruct.deliveries", state="Held", cause="Window"
        )
        metrics = house.gateway.gateway.parts.metrics
        await until(lambda: metrics.backlog.labels("Held")._value.get() == 1)
        assert house.far.ledger == []
    assert row["reason"] == "the person wrote too long ago"


async def test_the_vendors_word_counts_where_our_clock_is_wrong(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(templates=[TEMPLATE])
    far.troubles["messages"] = deque([131047])
    async with graph_house(database, tenant, config=CONFIG, far=far) as house:
        await house.say("one")
        await house.until_states(("You said: one", "Held"), ("[answer_ready]", "Sent"))
        await house.say("two")
        await until(lambda: len(far.ledger) == 3)
    assert far.texts == ["[template answer_ready]", "You said: one", "You said: two"]


async def test_a_window_that_closed_on_the_way_holds_what_was_taken_already(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(telling=nothing, templates=[TEMPLATE])
    async with graph_house(database, tenant, config=CONFIG, far=far) as house:
        await house.say("one")
        await house.until_states(("You said: one", "Sent"))
        await house.run("UPDATE konstruct.conversations SET window_ends_at = now()")
        await far.tell(far.ledger[0], failed(131047))
        await house.until_states(("You said: one", "Held"), ("[answer_ready]", "Sent"))
        await far.tell(far.ledger[0], failed(131047), Told("sent"))
        await house.say("two")
        await until(lambda: len(far.ledger) == 4)
    assert far.texts == [
        *("You said: one", "[template answer_ready]"),
        *("You said: one", "You said: two"),
    ]


async def test_a_human_who_takes_over_ends_what_is_held(
    database: Database, tenant: SampleTenant
) -> None:
    script = Slow()
    async with graph_house(database, tenant, script=script, far=FarGraph(windows=True)) as house:
        await house.say("one")
        await until(lambda: len(house.agent.turns) == 1)
        await let_a_day_pass(house)
        script.answer.set()
        await house.until_states(("to one", "Held"))
        echo = house.caller.events.echo("I am here myself", reader=EVA)
        assert (await house.caller.deliver(echo)).status_code == 200
        await house.until_states(("to one", "Withheld"))
        await house.say("two")
        assert house.far.ledger == []
