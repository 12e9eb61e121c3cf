import asyncio

import pytest

from konstruct_channels.errors import SendLater, SendRefused, SendUnknown
from konstruct_store import Store
from support.far_agent import far_agent
from support.gateways import SampleTenant
from support.postgres import Database
from support.small_channel import SmallChannel, repeat, say, sending, states
from support.visitor import visiting
from support.waiting import until

pytestmark = pytest.mark.postgres

PERHAPS = (
    "I cannot tell whether my last answer reached you completely. If something is missing, please"
    " ask again."
)


async def test_a_reply_goes_to_the_vendor_with_its_credentials(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        await say(gateway_store, tenant, "hello")
        await until(lambda: channel.sent)
        await asyncio.sleep(0.2)
    assert [(one.conversation_key, one.text, one.attempt) for one in channel.sent] == [
        ("D1", "hello", 1)
    ]
    assert channel.credentials == [{"botToken": "xoxb-1"}]
    assert await states(database) == {"hello": "Sent"}


async def test_each_answer_of_a_vendor_has_its_own_end(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    channel.answers["busy"] = [SendLater("busy", after_seconds=0.1)]
    channel.answers["refused"] = [SendRefused("no such channel")]
    channel.answers["lost"] = [SendUnknown("connection reset")]
    channel.answers["bug"] = [RuntimeError("a bug in the channel")]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        for text in ("busy", "refused", "lost", "bug", "plain"):
            await say(gateway_store, tenant, text, conversation=text)
        await until(lambda: {one.text for one in channel.sent} >= {"busy", "plain"})
        await until(lambda: len(channel.tries) >= 6)
        await asyncio.sleep(0.3)
    found = await states(database)
    # A bug tells nothing about the vendor: the lease ends, and the next attempt asks it first.
    assert found.pop("bug") == "Sending"
    assert found.pop(PERHAPS) == "Sent"
    assert found == {"busy": "Sent", "refused": "Refused", "lost": "Unknown", "plain": "Sent"}


async def test_one_conversations_replies_leave_in_order_and_never_block_another(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel(pause=0.02)
    channel.answers["a0"] = [SendLater("busy", after_seconds=0.5)]
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token, repeat) as agent,
    ):
        for number in range(4):
            for conversation in ("a", "b"):
                await say(gateway_store, tenant, f"{conversation}{number}", conversation)
            await until(lambda n=number: len(agent.turns) == 2 * (n + 1))  # type: ignore[misc]
        await until(lambda: len(channel.sent) == 8)
    texts = [one.text for one in channel.sent]
    assert [text for text in texts if text[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert [text for text in texts if text[0] == "b"] == ["b0", "b1", "b2", "b3"]
    assert texts.index("b0") < texts.index("a0")


async def test_web_chat_has_no_deliveries(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    channel = SmallChannel()
    async with (
        sending(database, tenant, channel) as running,
        far_agent(running.internal_url, tenant.token),
        visiting(running.url, "acme/website") as visitor,
    ):
        await visitor.ask("hello")
    assert channel.tries == []
    assert await states(database) == {}
