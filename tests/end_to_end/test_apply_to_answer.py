"""From `kubectl apply` to an answered message, and back to nothing, on a real Kubernetes API.

Operator, gateway, llm, Postgres and agent are processes; the cluster has no node, so the agent is
started by the test with exactly the environment that its Deployment and Secret give it.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.cluster import Cluster
from support.nodeless import environment_of_the_pod, operator_of
from support.operator_process import eventually, install_rights
from support.stack import running_stack
from support.visitor import visiting

pytestmark = [pytest.mark.cluster, pytest.mark.postgres, pytest.mark.process]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "manifests/samples"
TENANT_NAMESPACE = "tenant-acme"
DEMO_GREETING_IS_HONEST = "demo"


async def test_applied_samples_answer_a_visitor_and_leave_nothing_behind(
    cluster_with_crds: Cluster, tmp_path: Path
) -> None:
    cluster = cluster_with_crds
    install_rights(cluster)
    async with running_stack(tmp_path) as stack:
        await stack.start_gateway()
        await stack.start_llm()
        with operator_of(cluster, stack, tmp_path):
            cluster.kubectl("apply", "-f", SAMPLES)
            eventually(lambda: _is(cluster, "kt/acme", "Registered", "True"), what="Registered")
            _every_condition_is_right(cluster)
            _listing_reads_well(cluster)
            await stack.start_agent_with(environment_of_the_pod(cluster, TENANT_NAMESPACE))
            async with visiting(stack.gateway_url, "acme/website") as visitor:
                reply = await visitor.ask("Hello! Who are you?")
                assert DEMO_GREETING_IS_HONEST in reply["text"].lower()
                assert reply["agent"] == "Ana"
                assert "".join(one["text"] for one in visitor.of_kind("delta"))
        # The operator is down: a deletion waits for it, and ends soon after it is back.
        cluster.kubectl("delete", "-f", SAMPLES, "--wait=false")
        assert cluster.get("kt/acme")["metadata"]["deletionTimestamp"]
        with operator_of(cluster, stack, tmp_path):
            eventually(lambda: _gone(cluster), seconds=10, what="the end of the tenant")


def _every_condition_is_right(cluster: Cluster) -> None:
    # Without a node no pod can become ready, and nothing may say that one is.
    eventually(lambda: _is(cluster, "kt/acme", "Available", "False"), what="Available=False")
    tenant = _conditions(cluster, "kt/acme")
    assert tenant["NamespaceReady"]["status"] == "True"
    assert tenant["SecretsReady"]["status"] == "True"
    assert tenant["BudgetAvailable"]["status"] == "True"
    assert (tenant["Ready"]["status"], tenant["Ready"]["reason"]) == ("False", "PodsNotReady")
    assert tenant["Ready"]["message"]
    for agent in ("ana", "bia"):
        eventually(partial(_is, cluster, f"ka/{agent}", "Accepted", "True"), what=agent)
    for connection in ("website", "oficina"):
        eventually(partial(_is, cluster, f"kcc/{connection}", "Ready", "True"), what=connection)
        found = _conditions(cluster, f"kcc/{connection}")
        assert found["AgentResolved"]["status"] == "True"
        assert found["SecretsReady"]["status"] == "True"


def _listing_reads_well(cluster: Cluster) -> None:
    listing = cluster.kubectl("get", "konstruct", "-A")
    assert "PodsNotReady" in listing
    for name in ("tenant.konstruct.dev/acme", "agent.konstruct.dev/ana", "website"):
        assert name in listing
    assert max(len(line) for line in listing.splitlines()) <= 160


def _conditions(cluster: Cluster, resource: str) -> dict[str, dict[str, Any]]:
    namespace = () if resource.startswith("kt/") else ("-n", TENANT_NAMESPACE)
    status = cluster.get(*namespace, resource)["status"]
    return {condition["type"]: condition for condition in status["conditions"]}


def _is(cluster: Cluster, resource: str, condition: str, status: str) -> bool:
    return _conditions(cluster, resource).get(condition, {}).get("status") == status


def _gone(cluster: Cluster) -> bool:
    left = json.loads(cluster.kubectl("get", "konstruct", "-A", "-o", "json"))["items"]
    namespaces = cluster.get("namespaces", "-l", "konstruct.dev/tenant")["items"]
    return not left and not namespaces
