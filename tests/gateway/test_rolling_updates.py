"""A replica that is replaced under traffic loses and doubles nothing."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.public import PrivateKey

from support.faithful_visitor import FaithfulVisitor
from support.far_agent import FarAgentTurn, far_agent
from support.far_slack import FarSlack, SlackCaller, direct, far_slack
from support.gateways import SampleTenant, running_gateway
from support.postgres import Database
from support.slack_house import SECRET, connections
from support.stack import encode_key, free_port, running_stack
from support.waiting import until

pytestmark = pytest.mark.postgres


async def test_a_replica_that_goes_while_it_sends_leaves_every_answer_to_be_sent_once(
    database: Database, tenant: SampleTenant
) -> None:
    key = PrivateKey.generate()
    connections(tenant, key)
    url = database.url("gateway")

    async def slowly(given: FarAgentTurn) -> str:
        await asyncio.sleep(0.05)
        return f"answer to {given.text}"

    async with far_slack(FarSlack(seconds_per_message=0.0)) as far, httpx.AsyncClient() as client:
        settings: dict[str, Any] = {
            "seal_private_keys": encode_key(key),
            "slack_api_url": far.url,
            "poll_seconds": 0.05,
        }

        async def ask(address: str, numbers: range) -> None:
            caller = SlackCaller(client, f"{address}/hooks/slack/{tenant.name}/team", SECRET)
            for number in numbers:
                event = direct(f"q{number}", ts=f"1.{number:06d}", channel=f"D0{number:03d}")
                assert await caller.deliver(event, f"Ev{number}")

        async with running_gateway(url, **settings) as stays:
            await tenant.register(stays.internal_url)
            async with far_agent(stays.internal_url, tenant.token, slowly):
                async with running_gateway(url, **settings) as goes:
                    view = goes.gateway.parts.view
                    await until(lambda: tenant.tenant_id in view.tenants)
                    await asyncio.gather(ask(goes.url, range(12)), ask(stays.url, range(12, 24)))
                    await until(lambda: far.ledger)
                await ask(stays.url, range(24, 30))
                await until(lambda: len(far.ledger) >= 30, seconds=40)
                await asyncio.sleep(0.4)
    assert sorted(far.texts) == sorted(f"answer to q{number}" for number in range(30))


@pytest.mark.process
async def test_a_gateway_replaced_under_traffic_answers_everything_once(
    tenant: SampleTenant, tmp_path: Path
) -> None:
    async def nonces(given: FarAgentTurn) -> str:
        return " ".join(re.findall(r"nonce:(\S+)", given.text))

    async with running_stack(tmp_path) as stack:
        public, internal = free_port(), free_port()
        former = await stack.start_gateway(public_port=public, internal_port=internal)
        await stack.push(tenant.snapshot())
        async with far_agent(stack.gateway_internal_url, tenant.token, nonces):
            visitors = [FaithfulVisitor(stack.gateway_url, "acme/website") for _ in range(3)]
            async with asyncio.TaskGroup() as group:
                for number, visitor in enumerate(visitors):
                    group.create_task(_write(visitor, number))
                await asyncio.sleep(0.5)
                assert await former.stop() == 0
                await stack.start_gateway(public_port=public, internal_port=internal)
        for visitor in visitors:
            ledger = visitor.ledger
            assert ledger.contradictions == []
            said = [one for seq in sorted(ledger.replies) for one in ledger.replies[seq].split()]
            assert said == sorted(ledger.accepted, key=lambda one: ledger.accepted[one])
            assert len(said) == 15


async def _write(visitor: FaithfulVisitor, number: int) -> None:
    async with visitor:
        for count in range(15):
            await visitor.say(f"v{number}-{count}")
            await asyncio.sleep(0.1)
        await visitor.until_answered(seconds=30)
