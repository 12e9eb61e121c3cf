"""A reply in flight when its gateway dies is settled by another one long before its lease ends."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from konstruct_channels.outbound import Outgoing
from konstruct_gateway.replicas import Replicas
from konstruct_store import Store
from support.far_agent import far_agent
from support.far_slack import FarSlack, SlackCaller, direct, far_slack
from support.far_troubles import Trouble
from support.gateways import SampleTenant
from support.postgres import TEMPLATE, Database
from support.slack_house import SECRET, connections
from support.small_channel import SmallChannel, repeat, say, sending, states
from support.stack import Stack, free_port, running_stack
from support.waiting import until

pytestmark = pytest.mark.postgres

_SENT = "SELECT state, attempt FROM konstruct.deliveries"


async def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


@pytest.mark.process
@pytest.mark.parametrize("heir", ["another replica", "its successor at the same address"])
async def test_a_reply_in_flight_is_settled_by_the_heir(
    tenant: SampleTenant, tmp_path: Path, heir: str
) -> None:
    far = FarSlack(late_seconds=600)
    # The one has it although its answer never came; the other never got it.
    another = heir == "another replica"
    trouble = Trouble.LATE_ANSWER if another else Trouble.HANG
    far.troubles["chat.postMessage"].append(trouble)
    async with running_stack(tmp_path) as stack, far_slack(far):
        connections(tenant, stack.gateway_seal)
        ports = {"public_port": free_port(), "internal_port": free_port()}
        environment = {"KONSTRUCT_SLACK_API_URL": far.url, "KONSTRUCT_POLL_SECONDS": "0.1"}
        gateway = await stack.start_gateway(**ports, environment=environment)
        url = stack.gateway_internal_url
        await stack.push(tenant.snapshot())

        async with (
            far_agent(url, tenant.token, repeat),
            httpx.AsyncClient(trust_env=False) as client,
        ):
            caller = SlackCaller(client, f"{stack.gateway_url}/hooks/slack/acme/team", SECRET)
            assert await caller.deliver(direct("hello", ts="1767225700.000100"), "Ev-1")
            await until(lambda: far.hanging or far.ledger, seconds=20)
            await gateway.kill()
        if another:
            await stack.start_gateway(environment=environment)
            await _grow_stale(stack, url)
        else:
            await stack.start_gateway(**ports, environment=environment)
        await _settled(stack.postgres.url(TEMPLATE))
    assert far.texts == ["hello"]


async def _grow_stale(stack: Stack, url: str) -> None:
    """Let fifteen seconds pass for the dead replica alone."""
    connection = await asyncpg.connect(stack.postgres.url(TEMPLATE))
    await connection.execute(
        "UPDATE konstruct.replicas SET seen_at = seen_at - interval '15 seconds' WHERE url = $1",
        url,
    )
    await connection.close()


async def _settled(owner: str) -> None:
    async with asyncio.timeout(20):
        while (found := await rows(owner, _SENT)) != [("Sent", 2)]:
            assert len(found) == 1
            await asyncio.sleep(0.1)


class Hanging(SmallChannel):
    """A vendor that does not answer the first time."""

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        vendor_id = await super().send(outgoing, config=config, credentials=credentials)
        if len(self.tries) == 1:
            await asyncio.Event().wait()
        return vendor_id


async def test_a_replica_that_may_be_dead_to_the_others_breaks_off_what_it_sends(
    database: Database, tenant: SampleTenant, gateway_store: Store
) -> None:
    far, silent = Hanging(), False
    async with (
        sending(database, tenant, far) as running,
        far_agent(running.internal_url, tenant.token, repeat),
    ):
        sender = running.gateway.parts.sender
        sender.silent = lambda: silent
        await say(gateway_store, tenant, "hello")
        await until(lambda: far.tries)
        silent = True
        await until(lambda: not sender._sending)
        assert await states(database) == {"hello": "Sending"}
        silent = False
        await until(lambda: len(far.tries) > 1)
        assert far.sent[-1].in_doubt
        await _settled(database.owner_url)


async def test_a_replica_is_silent_before_the_others_hold_it_for_dead(
    gateway_store: Store,
) -> None:
    now = 100.0
    one = Replicas(gateway_store, replica_id=uuid4(), url="", token="", clock=lambda: now)
    await one.refresh()
    now += 9.9
    assert not one.silent
    now += 0.1
    assert one.silent
    await one.refresh()
    assert not one.silent
