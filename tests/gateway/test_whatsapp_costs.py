"""What a message costs is recorded beside the models' cost, once, by the customer's own prices."""

import pytest

from support.far_graph import FarGraph, Told, nothing
from support.gateways import SampleTenant
from support.graph_house import graph_house
from support.postgres import Database
from support.waiting import until
from support.whatsapp_events import EVA

pytestmark = [pytest.mark.postgres, pytest.mark.sockets]

LEDGER = (
    "SELECT kind, model, category, billable, priced, cost_micro_usd FROM konstruct.usage_ledger"
)
PRICING = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
PRICES = {
    "messagePrices": [
        {"category": "utility", "usd": "0.02"},
        {"category": "utility", "callingCode": EVA.number[:1], "usd": "0.0034"},
    ]
}


async def test_a_message_is_charged_once_by_the_price_for_the_persons_number(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(telling=nothing)
    async with graph_house(database, tenant, config=PRICES, far=far) as house:
        await house.say("hello")
        await until(lambda: len(far.ledger) == 1)
        charged = {"pricing": PRICING}
        await far.tell(far.ledger[0], Told("sent", over=charged))
        assert await house.rows(LEDGER) == []
        await far.tell(
            far.ledger[0],
            *(Told("delivered", over=charged), Told("delivered", over=charged)),
            Told("read", over=charged),
        )
        row = await house.until_row(LEDGER, kind="Channel")
        [day] = await house.rows("SELECT model, calls, cost_micro_usd FROM konstruct.usage_days")
        [total] = await house.rows(
            "SELECT spent_micro_usd FROM konstruct.usage_totals WHERE scope = 'Tenant'"
        )
    assert row == {
        "kind": "Channel",
        "model": "WhatsApp utility",
        "category": "utility",
        "billable": True,
        "priced": True,
        "cost_micro_usd": 3400,
    }
    assert tuple(day) == ("WhatsApp utility", 1, 3400)
    assert total["spent_micro_usd"] == 3400


async def test_without_a_price_only_the_category_is_recorded(
    database: Database, tenant: SampleTenant
) -> None:
    far = FarGraph(telling=lambda _sent: (Told("read", over={"pricing": PRICING}),))
    async with graph_house(database, tenant, far=far) as house:
        await house.say("hello")
        row = await house.until_row(LEDGER, kind="Channel")
    assert (row["category"], row["billable"], row["priced"]) == ("utility", True, False)
    assert row["cost_micro_usd"] == 0
