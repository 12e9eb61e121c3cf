"""No write without a difference, and no difference without a write."""

import json
import time
import uuid
from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster

PLACE = "team-calm"
CHILDREN = "serviceaccounts,networkpolicies,deployments,rolebindings,secrets,configmaps"


@pytest.fixture
def settled(fenced: Cluster, running: OperatorProcess) -> Cluster:
    gone = ("get", "namespace", PLACE)
    eventually(lambda: fenced.try_kubectl(*gone).returncode != 0, seconds=60, what="a clean start")
    tool = {
        "name": "search",
        "type": "MCP",
        "mcp": {"url": "https://search.example/mcp"},
        "egress": [{"type": "Internet", "ports": [443]}],
    }
    declared.apply(
        fenced,
        declared.namespace("calm"),
        declared.tenant(
            "calm",
            namespace=PLACE,
            runtime={"minReplicas": 2, "resources": {"requests": {"cpu": "0.5"}}},
        ),
        declared.agent(PLACE, tools=[tool]),
        declared.connection(PLACE),
    )

    def calm() -> bool:
        before = running.writes()
        time.sleep(1.5)
        return bool(before) and running.writes() == before

    eventually(calm, seconds=30, what="calm")
    assert conditions(fenced, "tenant", "calm")["Ready"]["reason"] == "PodsNotReady"
    return fenced


def test_ten_forced_reconciles_change_no_resource_version_and_write_no_status(
    settled: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    before = _versions(settled)
    status = settled.get("tenant", "calm")["status"]
    writes, pushes = running.writes(), far.pushes()
    done = _looks(running)
    for _ in range(10):
        settled.kubectl(
            "annotate",
            "tenant",
            "calm",
            f"konstruct.dev/requested-at={uuid.uuid4()}",
            "--overwrite",
        )
        eventually(lambda: _looks(running) > done, what="a look")  # noqa: B023 - looked at once
        done = _looks(running)
    time.sleep(1)
    assert running.writes() == writes
    assert _versions(settled) == before
    assert settled.get("tenant", "calm")["status"] == status
    assert far.pushes() == pushes


def test_sweeps_of_a_settled_tenant_write_nothing(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    operator = start(SWEEP_SECONDS="0.5")
    declared.apply(fenced, declared.tenant("idle"))
    eventually(lambda: conditions(fenced, "tenant", "idle")["Registered"]["status"] == "True")
    time.sleep(3)
    writes, looks = operator.writes(), _looks(operator)
    eventually(lambda: _looks(operator) >= looks + 4, what="four sweeps")
    assert operator.writes() == writes


def test_a_drifted_child_comes_back_at_once(settled: Cluster) -> None:
    settled.kubectl("scale", "deployment", "konstruct-agent", "-n", PLACE, "--replicas=5")
    patch = [{"op": "add", "path": "/spec/egress", "value": [{}]}]
    settled.kubectl(
        "patch",
        "networkpolicy",
        "konstruct-default-deny",
        "-n",
        PLACE,
        "--type=json",
        "-p",
        json.dumps(patch),
    )
    settled.kubectl(
        "set", "image", "deployment/konstruct-agent", "agent=evil.example/agent", "-n", PLACE
    )

    def healed() -> bool:
        deployment = settled.get("deployment", "konstruct-agent", "-n", PLACE)
        policy = settled.get("networkpolicy", "konstruct-default-deny", "-n", PLACE)
        image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return (
            deployment["spec"]["replicas"] == 2
            and image.startswith("registry.example/")
            and not policy["spec"].get("egress")
        )

    eventually(healed, seconds=5, what="the repair")


def test_a_deleted_child_comes_back_at_once(settled: Cluster) -> None:
    for child in (
        "deployment/konstruct-agent",
        "networkpolicy/konstruct-default-deny",
        "networkpolicy/konstruct-agent-tools",
        "serviceaccount/konstruct-agent",
        "poddisruptionbudget/konstruct-agent",
        "rolebinding/konstruct-operator",
    ):
        uid = settled.get(child, "-n", PLACE)["metadata"]["uid"]
        settled.kubectl("delete", child, "-n", PLACE, "--wait=false")
        eventually(
            lambda: _uid(settled, child) not in {"", uid},  # noqa: B023 - looked at once
            seconds=5,
            what=f"the return of {child}",
        )


def test_a_child_that_is_planned_no_longer_goes(settled: Cluster) -> None:
    declared.apply(settled, declared.agent(PLACE, tools=[]))
    settled.kubectl(
        "patch", "tenant", "calm", "--type=merge", "-p", '{"spec":{"runtime":{"minReplicas":1}}}'
    )
    for child in ("networkpolicy/konstruct-agent-tools", "poddisruptionbudget/konstruct-agent"):
        eventually(
            lambda: settled.try_kubectl("get", child, "-n", PLACE).returncode != 0,  # noqa: B023 - looked at once
            what=f"the end of {child}",
        )


def _uid(cluster: Cluster, child: str) -> str:
    found = cluster.try_kubectl("get", child, "-n", PLACE, "-o", "jsonpath={.metadata.uid}")
    return found.stdout if found.returncode == 0 else ""


def _versions(cluster: Cluster) -> dict[str, str]:
    found = cluster.get(CHILDREN, "-n", PLACE)["items"]
    found += cluster.get("agents,channelconnections", "-n", PLACE)["items"]
    found.append(cluster.get("namespace", PLACE))
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for one in found
    }


def _looks(operator: OperatorProcess) -> int:
    total = 0.0
    for line in operator.get("/metrics").text.splitlines():
        if line.startswith('konstruct_operator_reconciles_total{kind="Tenant"'):
            total += float(line.rsplit(" ", 1)[1])
    return int(total)
