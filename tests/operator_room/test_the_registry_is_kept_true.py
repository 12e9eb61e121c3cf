"""What the gateway knows: published once, healed when lost, untouched by an outage."""

import time
from copy import deepcopy
from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import NAMESPACE, OperatorProcess, eventually

pytestmark = pytest.mark.cluster


def test_a_restored_old_database_is_healed(fenced: Cluster, start: Any, far: FarRegistry) -> None:
    start(SWEEP_SECONDS="2")
    declared.apply(
        fenced,
        declared.namespace("old"),
        declared.tenant("old", namespace="team-old"),
        declared.agent("team-old"),
    )
    eventually(lambda: far.named("old"))
    backup = deepcopy(far.tenants)
    declared.apply(fenced, declared.agent("team-old", role="Sales"), declared.tenant("young"))
    tenant_id = fenced.get("tenant", "old")["metadata"]["uid"]
    eventually(lambda: far.snapshot(tenant_id).agents[0].role == "Sales")
    eventually(lambda: far.named("young"))
    far.restore(backup)
    eventually(lambda: far.named("young"), what="the lost tenant")
    eventually(lambda: far.snapshot(tenant_id).agents[0].role == "Sales", what="the lost edit")
    assert far.session >= 1


def test_an_edited_agent_is_published_at_once(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(
        fenced,
        declared.namespace("quick"),
        declared.tenant("quick", namespace="team-quick"),
        declared.agent("team-quick", persona="Calm."),
    )
    eventually(lambda: far.named("quick"))
    tenant_id = fenced.get("tenant", "quick")["metadata"]["uid"]
    eventually(lambda: far.snapshot(tenant_id).agents)
    before = far.snapshot(tenant_id).agents[0].revision
    declared.apply(fenced, declared.agent("team-quick", persona="Cheerful."))
    eventually(lambda: far.snapshot(tenant_id).agents[0].persona == "Cheerful.", seconds=3)
    assert far.snapshot(tenant_id).agents[0].revision != before


def test_an_outage_rewrites_no_condition_of_what_is_published(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.tenant("steady"))
    eventually(lambda: conditions(fenced, "tenant", "steady")["Registered"]["status"] == "True")
    before = conditions(fenced, "tenant", "steady")["Registered"]
    far.down = True
    declared.apply(fenced, declared.tenant("unlucky"))
    eventually(
        lambda: (
            conditions(fenced, "tenant", "unlucky")["Registered"]["reason"] == "GatewayUnreachable"
        )
    )
    declared.apply(fenced, declared.tenant("steady", displayName="Steady again"))
    time.sleep(2)
    after = conditions(fenced, "tenant", "steady")["Registered"]
    assert after | {"observedGeneration": 0} == before | {"observedGeneration": 0}
    assert "konstruct_operator_gateway_reachable 0.0" in running.get("/metrics").text
    events = fenced.get("events.events.k8s.io", "-n", NAMESPACE)["items"]
    assert sum(1 for one in events if one["reason"] == "GatewayUnreachable") >= 1
    far.down = False
    eventually(lambda: conditions(fenced, "tenant", "unlucky")["Registered"]["status"] == "True")
    tenant_id = fenced.get("tenant", "steady")["metadata"]["uid"]
    eventually(lambda: far.snapshot(tenant_id).display_name == "Steady again")


def test_a_sleeping_tenant_wakes_on_demand_and_stays_as_it_is_when_demand_is_unknown(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    start(DEMAND_SECONDS="6", SWEEP_SECONDS="1")
    declared.apply(fenced, declared.tenant("sleepy", runtime={"minReplicas": 0}))
    eventually(lambda: conditions(fenced, "tenant", "sleepy")["Ready"]["reason"] == "Asleep")
    assert conditions(fenced, "tenant", "sleepy")["Ready"]["status"] == "True"
    tenant_id = fenced.get("tenant", "sleepy")["metadata"]["uid"]
    far.say(awake=[tenant_id])
    eventually(lambda: _replicas(fenced) == 1, seconds=5, what="the waking")
    far.down = True
    time.sleep(7.5)
    assert _replicas(fenced) == 1, "nothing is scaled down on an old list"
    far.down = False
    far.say(awake=[])
    eventually(lambda: _replicas(fenced) == 0, what="the falling asleep")


def test_what_programs_report_becomes_a_condition_of_the_state_it_belongs_to(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    budget = {"monthlyMicroUSD": 5_000_000}
    declared.apply(fenced, declared.tenant("spender", budget=budget))
    eventually(lambda: conditions(fenced, "tenant", "spender")["Registered"]["status"] == "True")
    tenant_id = fenced.get("tenant", "spender")["metadata"]["uid"]
    report = {
        "tenantId": tenant_id,
        "digest": "of another state",
        "kind": "Tenant",
        "name": "spender",
        "condition": "BudgetAvailable",
        "status": "False",
        "reason": "BudgetExhausted",
        "message": "The month's 5 USD are spent.",
    }
    far.say(reports=[report])
    time.sleep(1)
    assert conditions(fenced, "tenant", "spender")["BudgetAvailable"]["status"] == "True"
    far.say(reports=[report | {"digest": far.tenants[tenant_id]["digest"]}])
    eventually(
        lambda: (
            conditions(fenced, "tenant", "spender")["BudgetAvailable"]["reason"]
            == "BudgetExhausted"
        )
    )


def _replicas(cluster: Cluster) -> int:
    found = cluster.get("deployment", "konstruct-agent", "-n", "tenant-sleepy")
    return int(found["spec"]["replicas"])
