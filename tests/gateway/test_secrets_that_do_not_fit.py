"""A wrong or missing signing secret is said in the conditions, and nobody can say so falsely."""

import asyncio
from typing import Any

import pytest

from support.far_slack import direct
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SlackHouse, slack_house

pytestmark = pytest.mark.postgres


async def until_receiving(house: SlackHouse, reason: str) -> None:
    async with asyncio.timeout(20):
        while (await house.reports()).get(("team", "Receiving")) != reason:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_wrong_secret_is_said_until_something_fits(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        body = house.caller.envelope(direct("hello", ts="1.000001"), "Ev1")
        genuine, house.caller.secret = house.caller.secret, "of-another-app"
        assert (await house.caller.call(body)).status_code == 401
        await until_receiving(house, "SignaturesDoNotFit")
        house.caller.secret = genuine
        assert (await house.caller.call(body)).status_code == 200
        await until_receiving(house, "MessagesArrive")
        # Anybody can send what does not fit.
        house.caller.secret = "of-a-forger"
        assert (await house.caller.call(body)).status_code == 401
        await asyncio.sleep(0.3)
        await until_receiving(house, "MessagesArrive")


@pytest.mark.parametrize("block", [{"install": "Shared"}, {"transport": "SocketMode"}])
async def test_a_connection_that_slack_does_not_call_has_no_address(
    database: Database, tenant: SampleTenant, block: dict[str, Any]
) -> None:
    async with slack_house(database, tenant) as house:
        config = {"appId": "A0KONSTRUCT", "teamId": "T0ACME", **block}
        tenant.over["connections"] = (tenant.connection("team", type="Slack", config=config),)
        await tenant.register(house.gateway.internal_url)
        body = house.caller.envelope(direct("hello", ts="1.000001"), "Ev1")
        assert (await house.caller.call(body)).status_code == 404
