"""Between a message and its answer Slack says what web chat says, once, in one's language."""

import asyncio

import pytest

from support.far_agent import FarAgentTurn
from support.far_slack import FarSlack
from support.gateways import SampleTenant
from support.postgres import Database
from support.slack_house import SlackHouse, slack_house
from support.waiting import until

pytestmark = pytest.mark.postgres

LATER = {
    "en": "This takes longer than usual. The answer will come here as soon as it is ready.",
    "es": "Esto está tardando más de lo habitual. La respuesta llegará aquí en cuanto esté lista.",
}


def quick() -> FarSlack:
    return FarSlack(seconds_per_message=0.0)


async def write(house: SlackHouse, text: str, number: int, *, channel: str = "D0EVA") -> None:
    event = {
        "type": "message",
        "channel_type": "im",
        "user": "U0EVA",
        "channel": channel,
        "text": text,
        "ts": f"1767225600.{number:06d}",
    }
    assert await house.caller.deliver(event, f"Ev{number}")


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_long_wait_is_announced_once_and_nothing_is_cancelled(
    database: Database, tenant: SampleTenant, language: str
) -> None:
    released = asyncio.Event()

    async def slow(given: FarAgentTurn) -> str:
        await released.wait()
        return "at last"

    tenant.over["language"] = language
    async with slack_house(database, tenant, far=quick(), script=slow, later_seconds=0.3) as house:
        await write(house, "hello", 1)
        await until(lambda: house.far.ledger)
        await write(house, "still there?", 2)
        await asyncio.sleep(0.8)
        assert house.far.texts == [LATER[language]]
        released.set()
        texts = await house.settled(3)
    assert texts == [LATER[language], "at last", "at last"]


async def test_a_quick_answer_needs_no_announcement(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant, far=quick(), later_seconds=0.5) as house:
        await write(house, "hello", 1)
        await until(lambda: house.far.ledger)
        await asyncio.sleep(1.0)
        assert house.far.texts == ["You said: hello"]


async def test_each_thread_hears_once_that_nobody_answers_and_once_that_it_expired(
    database: Database, tenant: SampleTenant
) -> None:
    tenant.suspended()
    tenant.over["language"] = "es"
    async with slack_house(database, tenant, far=quick()) as house:
        for number in range(3):
            await write(house, f"text {number}", number)
        await write(house, "elsewhere", 10, channel="D0TOM")
        await house.settled(2)
        await house.rows(
            "UPDATE konstruct.inbox SET received_at = received_at - interval '25 hours'"
        )
        await house.rows(
            "UPDATE konstruct.dispatch SET opened_at = opened_at - interval '25 hours'"
        )
        texts = await house.settled(4)
        parts = house.gateway.gateway.parts
        expired = parts.metrics.registry.get_sample_value("konstruct_gateway_expired_total")
    suspended = "En este momento nadie responde aquí. Hemos guardado tu mensaje."
    gone = (
        "No había nadie aquí para responder a tu mensaje y ya es demasiado antiguo. Escribe de"
        " nuevo si todavía necesitas una respuesta."
    )
    assert sorted(texts) == sorted([suspended, suspended, gone, gone])
    assert expired == 4


async def test_help_is_no_wait_and_a_human_s_conversation_hears_nothing(
    database: Database, tenant: SampleTenant
) -> None:
    async with slack_house(database, tenant, far=quick(), later_seconds=0.2) as house:
        await write(house, "talk to a human", 1)
        await house.settled(1)
        await write(house, "hello?", 2)
        await asyncio.sleep(0.6)
        assert len(house.far.texts) == 1
        assert "human will answer" in house.far.texts[0]
