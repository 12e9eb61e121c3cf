"""From `kubectl apply` of a Slack connection to an answer in Slack, with every program running."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.cluster import Cluster
from support.far_slack import FarSlack, SlackCaller, direct, far_slack, mention
from support.nodeless import environment_of_the_pod, operator_of
from support.operator_process import eventually, install_rights
from support.stack import running_stack

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.process]

SAMPLES = Path(__file__).parents[2] / "manifests/samples"
TENANT_NAMESPACE = "tenant-acme"
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "slack",
        "namespace": TENANT_NAMESPACE,
        "labels": {"konstruct.dev/use": "channel"},
    },
    "stringData": {"signingSecret": "signing-secret", "botToken": "xoxb-genuine"},
}
CONNECTION: dict[str, Any] = {
    "apiVersion": "konstruct.dev/v1alpha1",
    "kind": "ChannelConnection",
    "metadata": {"name": "team", "namespace": TENANT_NAMESPACE},
    "spec": {
        "type": "Slack",
        "agentRef": {"name": "ana"},
        "credentialsSecretRef": {"name": "slack"},
        "slack": {"appId": "A0KONSTRUCT", "teamId": "T0ACME"},
    },
}


async def test_an_applied_slack_connection_is_tried_and_answers(
    cluster_with_crds: Cluster, tmp_path: Path
) -> None:
    cluster = cluster_with_crds
    install_rights(cluster)
    async with running_stack(tmp_path) as stack, far_slack() as far:
        await stack.start_gateway(environment={"KONSTRUCT_SLACK_API_URL": far.url})
        await stack.start_llm()
        with operator_of(cluster, stack, tmp_path):
            try:
                # In threads: Slack's side runs in this loop and must be able to answer.
                await asyncio.to_thread(_apply, cluster)
                address = await asyncio.to_thread(_authenticated, cluster, "TokenAccepted")
                await stack.start_agent_with(await asyncio.to_thread(_environment, cluster))
                await _talk(far, address)
                far.workspaces[0].revoked = True
                async with httpx.AsyncClient(trust_env=False) as client:
                    caller = SlackCaller(client, address, "signing-secret")
                    event = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0BOT"]}}
                    assert await caller.deliver(event, "EvRevoked")
                await asyncio.to_thread(_authenticated, cluster, "TokenRevoked")
            finally:
                await asyncio.to_thread(_clean_up, cluster)


async def _talk(far: FarSlack, address: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        caller = SlackCaller(client, address, "signing-secret")
        assert await caller.deliver(direct("Hello! Who are you?", ts="1.000001"), "Ev1")
        for number, event in enumerate(mention("hello", ts="2.000001")):
            assert await caller.deliver(event, f"EvTwin{number}")
        async with asyncio.timeout(30):
            while len(far.ledger) < 2:  # noqa: ASYNC110 - no event announces it
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
    answers = {one.channel: one for one in far.ledger}
    assert len(far.ledger) == 2
    assert "demo" in answers["D0EVA"].text.lower()
    assert answers["D0EVA"].username == "Ana"
    assert answers["C0GENERAL"].thread_ts == "2.000001"


def _apply(cluster: Cluster) -> None:
    cluster.kubectl("apply", "-f", SAMPLES)
    for document in (SECRET, CONNECTION):
        cluster.kubectl("apply", "-f", "-", input=json.dumps(document))


def _clean_up(cluster: Cluster) -> None:
    cluster.kubectl("delete", "kcc/team", "secret/slack", "-n", TENANT_NAMESPACE)
    cluster.kubectl("delete", "-f", SAMPLES, "--wait=false")
    eventually(lambda: not cluster.get("kt")["items"], what="the end of the tenant")


def _authenticated(cluster: Cluster, reason: str) -> str:
    """Wait for the condition; return the address that is to be entered at Slack."""

    def look() -> str:
        status = cluster.get("-n", TENANT_NAMESPACE, "kcc/team")["status"]
        reasons = {one["type"]: one["reason"] for one in status["conditions"]}
        return str(status["webhookURL"]) if reasons.get("Authenticated") == reason else ""

    return eventually(look, seconds=30, what=reason)


def _environment(cluster: Cluster) -> dict[str, str]:
    """Return what the pod of the tenant would be given."""
    return eventually(
        lambda: environment_of_the_pod(cluster, TENANT_NAMESPACE), what="the tenant's Deployment"
    )
