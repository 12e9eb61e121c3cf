"""A command in Slack is obeyed once and answered in its thread, without a turn."""

import asyncio

import pytest

from support.far_slack import direct, mention
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import slack_house

pytestmark = pytest.mark.postgres


async def test_help_is_answered_once_however_often_it_is_delivered(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        event = direct("¡Ayuda!", ts="1767225600.000100")
        await asyncio.gather(*(house.caller.deliver(event, "Ev1") for _ in range(3)))
        [said] = await house.settled(1)
        assert "Ana" in said
        assert await house.rows("SELECT * FROM konstruct.turns") == []


async def test_a_mention_that_says_help_is_answered_in_its_thread(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant) as house:
        for one in mention("help", ts="1767225700.000100"):
            await house.caller.deliver(one, f"Ev-{one['type']}")
        [said] = await house.settled(1)
        assert said.startswith("I am Ana")
        assert {one.thread_ts for one in house.far.ledger} == {"1767225700.000100"}
