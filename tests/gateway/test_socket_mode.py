"""Slack over a socket that we open: nothing is acknowledged before it is durable."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from nacl.public import PrivateKey

from konstruct_registry.seals import seal
from support.far_agent import far_agent
from support.far_slack import FarSlack, SlackCaller, direct
from support.far_slack_socket import FarSocket, far_slack_socket
from support.gateways import RunningGateway, SampleTenant, running_gateway
from support.postgres import Database
from support.stack import encode_key
from support.waiting import until

pytestmark = pytest.mark.postgres


@dataclass
class Room:
    """A tenant whose Slack connection uses Socket Mode, an agent, and Slack."""

    database: Database
    tenant: SampleTenant
    slack: FarSocket
    key: PrivateKey
    stack: AsyncExitStack

    def declare(self, *, token: str = "xapp-genuine", version: int = 1) -> None:
        config = {"appId": "A0KONSTRUCT", "teamId": "T0ACME", "transport": "SocketMode"}
        tenant = self.tenant
        tenant.over["connections"] = (tenant.connection("team", type="Slack", config=config),)
        data = {"botToken": "xoxb-genuine"} | ({"appToken": token} if token else {})
        tenant.over["secrets"] = (
            seal(
                data,
                recipient=self.key.public_key,
                tenant_id=tenant.tenant_id,
                object_name="ChannelConnection/team",
                purpose="channel",
                secret_uid="u",
                secret_resource_version=str(version),
            ),
        )

    async def gateway(self, stack: AsyncExitStack, **settings: Any) -> RunningGateway:
        return await stack.enter_async_context(
            running_gateway(
                self.database.url("gateway"),
                seal_private_keys=encode_key(self.key),
                slack_api_url=self.slack.far.url,
                **{"poll_seconds": 0.05, **settings},
            )
        )

    async def rows(self, query: str) -> list[Any]:
        return await self.database.run(query)

    async def until_receiving(self, reason: str) -> None:
        query = "SELECT reason FROM konstruct.registry_reports WHERE condition = 'Receiving'"
        async with asyncio.timeout(20):
            while [one["reason"] for one in await self.rows(query)] != [reason]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def say(self, text: str, number: int, *, channel: str = "") -> str:
        """Let Slack deliver a direct message; return the envelope's id."""
        event = direct(text, ts=f"1767225600.{number:06d}", channel=channel or f"D0C{number:03d}")
        caller = SlackCaller(httpx.AsyncClient(), "", "")
        payload = json.loads(caller.envelope(event, f"Ev{number}"))
        return self.slack.deliver("events_api", payload)

    async def answered(self, count: int) -> None:
        """Wait for so many replies, and see that each came once and none too many."""
        texts = self.slack.far.texts
        await until(lambda: len(self.slack.far.texts) >= count, seconds=30)
        await asyncio.sleep(0.4)
        texts = self.slack.far.texts
        assert sorted(texts) == sorted(set(texts))
        assert len(texts) == count


@asynccontextmanager
async def _room(database: Database, tenant: SampleTenant, **socket: Any) -> AsyncIterator[Room]:
    far = FarSlack(seconds_per_message=0.0)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(far_slack_socket(FarSocket(far, **socket)))
        room = Room(database, tenant, slack, PrivateKey.generate(), stack)
        room.declare()
        yield room


async def _with_agent(room: Room, stack: AsyncExitStack, gateway: RunningGateway) -> None:
    await room.tenant.register(gateway.internal_url)
    await stack.enter_async_context(far_agent(gateway.internal_url, room.tenant.token))


async def test_a_message_over_the_socket_is_answered_and_acknowledged(
    database: Database, tenant: SampleTenant
) -> None:
    async with _room(database, tenant) as room, AsyncExitStack() as stack:
        await _with_agent(room, stack, await room.gateway(stack))
        await room.until_receiving("SocketOpen")
        name = room.say("hello", 1)
        await room.answered(1)
        assert room.slack.far.texts == ["You said: hello"]
        assert name in room.slack.acknowledged
        assert room.slack.sent[name] == 1


async def test_what_is_not_durable_is_not_acknowledged(
    database: Database, tenant: SampleTenant
) -> None:
    async with _room(database, tenant, ack_seconds=0.2) as room, AsyncExitStack() as stack:
        gateway = await room.gateway(stack)
        await _with_agent(room, stack, gateway)
        await room.until_receiving("SocketOpen")
        # As many as one tenant may have on their way are on their way.
        receiving = gateway.gateway.parts.hooks.reception.receiving
        held = [str(tenant.tenant_id)] * 64
        assert all(receiving.take(one) for one in held)
        name = room.say("patience", 1)
        await until(lambda: room.slack.sent.get(name, 0) >= 2)
        assert name not in room.slack.acknowledged
        for one in held:
            receiving.give(one)
        await room.answered(1)
        assert name in room.slack.acknowledged


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_when_slack_wants_to_leave_the_next_socket_is_open_first(
    database: Database, tenant: SampleTenant, reason: str
) -> None:
    async with _room(database, tenant) as room, AsyncExitStack() as stack:
        await _with_agent(room, stack, await room.gateway(stack))
        await room.until_receiving("SocketOpen")
        for number in range(20):
            room.say(f"{number}", number)
            if number % 7 == 3:
                await room.slack.leave(reason)
            await asyncio.sleep(0.02)
        await room.answered(20)
        assert room.slack.opened > 1


async def test_sockets_that_break_without_a_word_lose_nothing(
    database: Database, tenant: SampleTenant
) -> None:
    async with _room(database, tenant, ack_seconds=0.5) as room, AsyncExitStack() as stack:
        await _with_agent(room, stack, await room.gateway(stack))
        await room.until_receiving("SocketOpen")
        for number in range(12):
            room.say(f"{number}", number)
            if number % 5 == 2:
                room.slack.drop()
            await asyncio.sleep(0.05)
        await room.answered(12)


async def test_a_gateway_that_dies_before_its_answer_leaves_it_to_another(
    database: Database, tenant: SampleTenant
) -> None:
    """Dead between the commit and the acknowledgement: the same envelope comes again."""
    async with _room(database, tenant, ack_seconds=0.5) as room, AsyncExitStack() as stack:
        first_life = AsyncExitStack()
        first = await room.gateway(first_life)
        await tenant.register(first.internal_url)
        await room.until_receiving("SocketOpen")
        reception = first.gateway.parts.hooks.reception
        committed = asyncio.Event()

        async def dies(*given: Any) -> None:
            await type(reception).take(reception, *given)
            committed.set()
            await asyncio.Event().wait()

        object.__setattr__(reception, "take", dies)
        name = room.say("who answers?", 1)
        await committed.wait()
        assert name not in room.slack.acknowledged
        room.slack.drop()
        await first_life.aclose()
        second = await room.gateway(stack)
        await stack.enter_async_context(far_agent(second.internal_url, tenant.token))
        await room.answered(1)
        assert name in room.slack.acknowledged
        assert room.slack.sent[name] >= 2


async def test_replicas_share_the_connections_and_take_over(
    database: Database, tenant: SampleTenant
) -> None:
    async with _room(database, tenant) as room, AsyncExitStack() as stack:
        lives = [AsyncExitStack() for _ in range(3)]
        gateways = [await room.gateway(one, among_replicas=True) for one in lives]
        await _with_agent(room, stack, gateways[0])
        await room.until_receiving("SocketOpen")
        room.say("one", 1)
        await room.answered(1)

        def keeps(gateway: RunningGateway) -> bool:
            replicas = gateway.gateway.parts.replicas
            [connection] = tenant.snapshot().connections
            return replicas.mine(str(connection.connection_id))

        await until(lambda: sum(map(keeps, gateways)) == 1)
        keeper = next(number for number, one in enumerate(gateways) if keeps(one))
        if keeper != 0:  # the agent talks to the first one
            await lives[keeper].aclose()
            room.say("two", 2)
            await room.answered(2)
        for one in lives:
            await one.aclose()


@pytest.mark.parametrize(
    ("token", "refusal", "reason"),
    [
        ("xapp-wrong", "", "AppTokenRefused"),
        ("", "", "AppTokenMissing"),
        ("xapp-genuine", "forbidden_team", "SocketNotOpened"),
    ],
)
async def test_a_socket_that_cannot_be_opened_is_a_condition_that_says_what_to_do(
    database: Database, tenant: SampleTenant, token: str, refusal: str, reason: str
) -> None:
    async with _room(database, tenant, refusal=refusal) as room, AsyncExitStack() as stack:
        room.declare(token=token)
        gateway = await room.gateway(stack)
        await tenant.register(gateway.internal_url)
        await room.until_receiving(reason)
        room.slack.refusal = ""
        room.declare(version=2)
        await tenant.register(gateway.internal_url)
        if reason != "SocketNotOpened":  # what changed nothing here is tried again by itself
            await room.until_receiving("SocketOpen")


async def test_a_token_of_another_app_is_said(database: Database, tenant: SampleTenant) -> None:
    async with _room(database, tenant, app="A0OTHER") as room, AsyncExitStack() as stack:
        gateway = await room.gateway(stack)
        await tenant.register(gateway.internal_url)
        await room.until_receiving("AppTokenOfAnotherApp")


async def test_socket_mode_that_was_turned_off_is_said_and_not_hammered(
    database: Database, tenant: SampleTenant
) -> None:
    async with _room(database, tenant) as room, AsyncExitStack() as stack:
        gateway = await room.gateway(stack)
        await tenant.register(gateway.internal_url)
        await room.until_receiving("SocketOpen")
        await room.slack.leave("link_disabled")
        await room.until_receiving("SocketModeDisabled")
        assert room.slack.opened == 1


async def test_clicks_and_slash_commands_come_over_the_socket_too(
    database: Database, tenant: SampleTenant
) -> None:
    async with _room(database, tenant) as room, AsyncExitStack() as stack:
        await _with_agent(room, stack, await room.gateway(stack))
        await room.until_receiving("SocketOpen")
        room.say("hello", 1, channel="D0EVA")
        await room.answered(1)
        [turn] = await room.rows("SELECT turn_id FROM konstruct.turns")
        action = {
            "action_id": "konstruct_feedback",
            "type": "feedback_buttons",
            "value": f"{turn['turn_id']}:up",
            "action_ts": "1767225710.000001",
        }
        click = {
            "type": "block_actions",
            "api_app_id": "A0KONSTRUCT",
            "team": {"id": "T0ACME"},
            "user": {"id": "U0EVA"},
            "channel": {"id": "D0EVA"},
            "actions": [action],
        }
        names = [
            room.slack.deliver("interactive", click),
            room.slack.deliver("slash_commands", {"command": "/ana", "text": "x"}),
            room.slack.deliver("tomorrow", {}),
        ]
        await until(lambda: set(names) <= room.slack.acknowledged)
        feedback = await room.rows("SELECT value, person_key FROM konstruct.feedback")
        assert [(row["value"], row["person_key"]) for row in feedback] == [("up", "U0EVA")]
        ignored = await room.rows("SELECT reason FROM konstruct.ignored_items ORDER BY reason")
        assert [row["reason"] for row in ignored] == [
            "feedback",
            "slash_command",
            "unknown_envelope",
        ]
