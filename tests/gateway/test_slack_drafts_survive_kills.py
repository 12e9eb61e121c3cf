"""A gateway process that is killed while a reply grows in Slack leaves one message: the reply."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from support.far_agent import FarAgentTurn, far_agent
from support.far_slack import FarSlack, SlackCaller, far_slack, mention
from support.far_troubles import Trouble
from support.gateways import SampleTenant
from support.slack_house import SECRET, connections
from support.speech import speaking
from support.stack import free_port, running_stack
from support.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.process]
REPLY = "The recorded reply, whole."


async def speak_until_killed(given: FarAgentTurn) -> None:
    """Say more and more until the gateway is gone; the reply comes from the next attempt."""
    if given.turn.attempt > 1:
        answer = await given.work.complete(given.turn, REPLY)
        assert answer.status_code == 200
        return
    async with speaking(given) as speech:
        for number in range(200):
            speech.say(f"word {number} and ")
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("moment", ["the row alone", "before the answer", "in the middle"])
async def test_a_killed_gateway_leaves_one_message(
    tenant: SampleTenant, tmp_path: Path, moment: str
) -> None:
    far = FarSlack(late_seconds=600)
    match moment:
        case "the row alone":
            far.troubles["chat.startStream"].append(Trouble.HANG)
        case "before the answer":
            far.troubles["chat.startStream"].append(Trouble.LATE_ANSWER)
    async with running_stack(tmp_path) as stack, far_slack(far):
        connections(tenant, stack.gateway_seal)
        ports = {"public_port": free_port(), "internal_port": free_port()}
        environment = {
            "KONSTRUCT_SLACK_API_URL": far.url,
            "KONSTRUCT_LEASE_SECONDS": "2",
            "KONSTRUCT_POLL_SECONDS": "0.1",
        }
        gateway = await stack.start_gateway(**ports, environment=environment)
        await stack.push(tenant.snapshot())
        async with (
            far_agent(stack.gateway_internal_url, tenant.token, speak_until_killed),
            httpx.AsyncClient(trust_env=False) as client,
        ):
            caller = SlackCaller(client, f"{stack.gateway_url}/hooks/slack/acme/team", SECRET)
            for one in mention("tell me", ts="1767225700.000100"):
                assert await caller.deliver(one, f"Ev-{one['type']}")
            await _moment(far, moment)
            await gateway.kill()
            await stack.start_gateway(**ports, environment=environment)
            await until(lambda: [one.seen for one in far.ledger] == [REPLY], seconds=40)
            # Long enough to see one too many.
            ends = time.monotonic() + 2
            await until(lambda: time.monotonic() > ends)
    assert [one.seen for one in far.ledger] == [REPLY]
    assert far.ledger[0].streaming_state in {"", "completed"}


async def _moment(far: FarSlack, moment: str) -> None:
    if moment == "the row alone":
        await until(lambda: far.hanging, seconds=20)
    elif moment == "before the answer":
        await until(lambda: far.ledger, seconds=20)
    else:
        await until(lambda: far.ledger and len(far.ledger[0].history) > 1, seconds=20)
