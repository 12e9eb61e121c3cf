"""What an installation shows of itself while a message goes its whole way.

Operator, gateway, llm, portal, agent and Postgres are processes. Every alert and every query of the
dashboard is evaluated by Prometheus' own engine on what they were scraped of; no log holds what a
person wrote or any credential.
"""

import json
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.build import agent_snapshot, connection_snapshot, tenant_snapshot
from support.cluster import Cluster
from support.nodeless import operator_of
from support.operator_process import (
    ACCOUNT,
    NAMESPACE,
    account_kubeconfig,
    eventually,
    install_rights,
)
from support.prometheus import Scrapes
from support.stack import Stack, free_port, running_stack, work_token
from support.visitor import visiting

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.process]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "manifests/samples"
FILES = ROOT / "charts/konstruct/files"
CANARY = "canary-5b0b9e1c"
INTERVAL = "$__rate_interval"


def queries() -> list[str]:
    rules = yaml.safe_load((FILES / "alerts.yaml").read_text())
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    panels = json.loads((FILES / "dashboards/konstruct.json").read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [*alerts, *(one.replace(INTERVAL, "1m") for one in shown)]


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path) as one:
        await one.start_gateway()
        await one.start_llm({"KONSTRUCT_LOG_LEVEL": "DEBUG"})
        yield one


async def with_tenant(stack: Stack, **over: Any) -> str:
    """Register a tenant, start its agent; return the work token."""
    tenant_id = uuid.uuid4()
    token, token_hash = work_token(tenant_id)
    await stack.push(
        tenant_snapshot(
            tenant_id=tenant_id,
            agents=(agent_snapshot(tenant_id=tenant_id),),
            connections=(connection_snapshot(tenant_id=tenant_id),),
            work_token_hashes=(token_hash,),
            **over,
        )
    )
    await stack.start_agent(tenant_id, token, pod="agent-0")
    return token


async def start_portal(stack: Stack, kubeconfig: Path) -> str:
    """Start the portal; return where its metrics are."""
    public, internal = free_port(), free_port()
    program = await stack.start(
        "portal",
        "konstruct_portal",
        {
            "KONSTRUCT_DATABASE_URL": stack.database_url("portal"),
            "KONSTRUCT_CHAT_KEY": stack.chat_key,
            "KONSTRUCT_PORT": str(public),
            "KONSTRUCT_INTERNAL_PORT": str(internal),
            "KUBECONFIG": str(kubeconfig),
        },
    )
    await stack.until_ready(program, f"http://127.0.0.1:{public}/readyz")
    return f"http://127.0.0.1:{internal}"


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for log in sorted(folder.glob("*.log"))
        for line in log.read_text().splitlines()
        if line.strip()
    ]


async def test_no_log_holds_what_a_person_wrote_or_a_credential(
    stack: Stack, tmp_path: Path
) -> None:
    token = await with_tenant(stack)
    async with visiting(stack.gateway_url, "acme/website") as visitor:
        await visitor.ask(f"My name is {CANARY}")
        # The way of an exception: the database refuses what the gateway and llm ask for.
        port = stack.postgres.port
        await stack.postgres.stop()
        await visitor.say(f"Are you there, {CANARY}?")
        await visitor.wait_for("error")
        await stack.postgres.start(port)
        await visitor.ask(f"And now, {CANARY}?", seconds=60)
    await stack.stop()
    text = "\n".join(one.read_text() for one in tmp_path.glob("*.log"))
    for secret in (CANARY, token, stack.registry_token, stack.replica_token, stack.chat_key):
        assert secret not in text
    lines = lines_of(tmp_path)
    assert {"gateway", "llm", "agent"} <= {line["program"] for line in lines}
    answered = [line for line in lines if line["event"] == "turn_answered"]
    assert len(answered) >= 2
    for line in answered:
        assert {"tenant_id", "conversation_id", "turn_id"} <= line.keys()
    assert any(line["level"] in {"warning", "error"} for line in lines)


async def test_every_alert_and_every_panel_is_evaluated_on_a_real_scrape(
    cluster_with_crds: Cluster, stack: Stack, tmp_path: Path
) -> None:
    cluster = cluster_with_crds
    install_rights(cluster)
    kubeconfig = account_kubeconfig(cluster, tmp_path, ACCOUNT, NAMESPACE)
    portal = await start_portal(stack, kubeconfig)
    places = {"gateway": stack.gateway_internal_url, "llm": stack.llm_url, "portal": portal}
    scrapes = Scrapes()
    await scrape(scrapes, places, at=time.time() - 30)
    await with_tenant(stack, name="shop")
    async with visiting(stack.gateway_url, "shop/website") as visitor:
        await visitor.ask("Hello!")
    with operator_of(cluster, stack, tmp_path) as operator:
        cluster.kubectl("apply", "-f", SAMPLES)
        eventually(lambda: 'connection="website"' in operator.get("/metrics").text, what="a look")
        operators = {"operator": f"http://127.0.0.1:{operator.probe_port}"}
        await scrape(scrapes, {**places, **operators}, at=time.time())
        cluster.kubectl("delete", "-f", SAMPLES, "--wait=false")
        eventually(lambda: not _left(cluster), what="the end of the tenant")
    names = scrapes.names()
    for query, found in zip(queries(), scrapes.evaluate(queries()), strict=True):
        assert not found.error, query
        assert found.names, query
        assert set(found.names) <= names, query
    [taken, turns, called, leaders, unready] = scrapes.evaluate(
        [
            'sum(konstruct_gateway_messages_total{repeated="False",channel="WebChat"})',
            'sum(konstruct_gateway_turns_total{event=~"Claimed|Answered"})',
            'sum(konstruct_llm_calls_total{outcome="answered"})',
            "sum(konstruct_operator_leading)",
            "max by (tenant) (konstruct_tenant_ready) == 0",
        ]
    )
    assert [one.value() for one in (taken, turns, called, leaders)] == [1, 2, 1, 1]
    assert unready.samples == (({"tenant": "acme"}, 0.0),)


def _left(cluster: Cluster) -> bool:
    left = json.loads(cluster.kubectl("get", "konstruct", "-A", "-o", "json"))["items"]
    return bool(left or cluster.get("namespaces", "-l", "konstruct.dev/tenant")["items"])


async def scrape(scrapes: Scrapes, places: dict[str, str], *, at: float) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for job, place in places.items():
            answer = await client.get(f"{place}/metrics")
            answer.raise_for_status()
            scrapes.add(job, answer.text, at=at)
