"""`konstruct up` with a Slack connection in its folder: the same halves, in one process."""

import asyncio
import json

import httpx
import pytest

from support.embedded import site
from support.far_slack import FarSlack, SlackCaller, direct, far_slack
from support.far_slack_socket import FarSocket, far_slack_socket
from support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.postgres]

SECRET = """
apiVersion: v1
kind: Secret
metadata:
  name: slack
  namespace: tenant-acme
  labels: {konstruct.dev/use: channel}
stringData: {signingSecret: signing-secret, botToken: xoxb-genuine}
"""
CONNECTION = """
apiVersion: konstruct.dev/v1alpha1
kind: ChannelConnection
metadata: {name: team, namespace: tenant-acme}
spec:
  type: Slack
  agentRef: {name: ana}
  credentialsSecretRef: {name: slack}
  slack: {appId: A0KONSTRUCT, teamId: T0ACME}
"""


async def test_a_folder_with_a_slack_connection_answers_in_slack() -> None:
    async with far_slack() as far, site() as here:
        (here.home / "secrets").mkdir(parents=True)
        (here.home / "secrets" / "slack.yaml").write_text(SECRET)
        (here.folder / "slack.yaml").write_text(CONNECTION)
        run = await here.up(environment={"KONSTRUCT_SLACK_API_URL": far.url})
        try:
            await until(lambda: ("auth.test", 200) in far.calls)
            async with httpx.AsyncClient(trust_env=False) as client:
                url = f"{run.url}/hooks/slack/acme/team"
                caller = SlackCaller(client, url, "signing-secret")
                event = direct("Hello! Who are you?", ts="1.000001")
                assert await caller.deliver(event, "Ev1")
                assert await caller.deliver(event, "Ev1")
                await until(lambda: far.ledger)
                await asyncio.sleep(0.5)
            assert len(far.ledger) == 1
            assert far.ledger[0].channel == "D0EVA"
        finally:
            await run.interrupt()


async def test_a_laptop_without_an_address_answers_over_socket_mode() -> None:
    socket = FarSocket(FarSlack())
    async with far_slack_socket(socket) as slack, site() as here:
        (here.home / "secrets").mkdir(parents=True)
        secret = SECRET.replace("signingSecret: signing-secret", "appToken: xapp-genuine")
        (here.home / "secrets" / "slack.yaml").write_text(secret)
        connection = CONNECTION.replace("T0ACME}", "T0ACME, transport: SocketMode}")
        (here.folder / "slack.yaml").write_text(connection)
        run = await here.up(environment={"KONSTRUCT_SLACK_API_URL": slack.far.url})
        try:
            await until(lambda: slack.connections)
            async with httpx.AsyncClient() as client:
                caller = SlackCaller(client, "", "")
                event = direct("Hello! Who are you?", ts="1.000001")
                content = json.loads(caller.envelope(event, "Ev1"))
            names = {slack.deliver("events_api", content) for _ in range(2)}
            await until(lambda: slack.far.ledger and names <= slack.acknowledged)
            await asyncio.sleep(0.5)
            assert [one.channel for one in slack.far.ledger] == ["D0EVA"]
        finally:
            await run.interrupt()
