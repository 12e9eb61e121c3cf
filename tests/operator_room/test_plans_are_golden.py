"""Every child as YAML beside the declaration that caused it.

`UPDATE_GOLDEN=1 pytest tests/operator_room/test_plans_are_golden.py`, or --update-golden where the
option is defined, writes the plans anew; read the difference before you commit it.
"""

import dataclasses
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.tenant import Tenant
from konstruct_operator import names
from konstruct_operator.observed import Demand, NamespaceView, Observed, WorkToken
from konstruct_operator.plan import children, deployment, namespace
from konstruct_operator.plan.comparison import differs
from konstruct_operator.settings import OperatorSettings

PLANS = Path(__file__).parent / "plans"
CASES = sorted(path.name for path in PLANS.iterdir())


def settings(**over: Any) -> OperatorSettings:
    values: dict[str, Any] = {
        "registry_url": "http://konstruct-gateway.konstruct-system.svc:8001",
        "registry_token": "registry-token",
        "gateway_seal_public_key": "",
        "llm_seal_public_key": "",
        "agent_image": "registry.example/konstruct/agent:1.0.0",
        "cluster_cidrs": ("10.244.0.0/16", "fd00::/108"),
    }
    return OperatorSettings(**(values | over))


def observed(case: str, **over: Any) -> Observed:
    documents = list(yaml.safe_load_all((PLANS / case / "declared.yaml").read_text()))
    of_kind = {
        kind: tuple(one for one in documents if one["kind"] == kind)
        for kind in ("Tenant", "Agent", "ChannelConnection")
    }
    tenant = Tenant.model_validate(of_kind["Tenant"][0])
    place = names.namespace_of(tenant.metadata.name, tenant.spec.namespace or "")
    values: dict[str, Any] = {
        "tenant": tenant,
        "now": datetime(2026, 11, 23, tzinfo=UTC),
        "agents": tuple(Agent.model_validate(one) for one in of_kind["Agent"]),
        "connections": tuple(
            ChannelConnection.model_validate(one) for one in of_kind["ChannelConnection"]
        ),
        "namespace": NamespaceView(
            place, tenant=tenant.metadata.name, created_by_us=tenant.spec.namespace is None
        ),
        "work_token": WorkToken(current="c" * 64),
    }
    return Observed(**(values | over))


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_as_written_beside_its_declaration(
    case: str, request: pytest.FixtureRequest
) -> None:
    looked = observed(case)
    documents = list(children.planned(looked, settings()))
    if looked.namespace is not None and looked.namespace.created_by_us:
        documents.insert(0, namespace.namespace(looked))
    text = yaml.safe_dump_all(documents, sort_keys=False)
    golden = PLANS / case / "planned.yaml"
    if os.environ.get("UPDATE_GOLDEN") or request.config.getoption(
        "--update-golden", default=False
    ):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("case", CASES)
def test_planning_twice_gives_the_same(case: str) -> None:
    first, second = (children.planned(observed(case), settings()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("case", CASES)
def test_what_is_planned_does_not_differ_from_itself_with_the_servers_additions(case: str) -> None:
    for document in children.planned(observed(case), settings()):
        served = _with_additions(document)
        assert not differs(served, document)
        assert differs(None, document)


def test_a_lost_field_a_changed_one_and_an_added_entry_all_differ() -> None:
    policy = children.planned(observed("tools_and_two_pods"), settings())[3]
    assert policy["metadata"]["name"] == names.POLICY_TOOLS
    ways: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda one: one["spec"].pop("egress"),
        lambda one: one["spec"].update(policyTypes=["Ingress"]),
        lambda one: one["spec"]["egress"].append({}),
        lambda one: one["metadata"].pop("annotations"),
        lambda one: one["metadata"]["labels"].clear(),
    )
    for break_it in ways:
        broken = yaml.safe_load(yaml.safe_dump(policy))
        break_it(broken)
        assert differs(broken, policy)


@pytest.mark.parametrize(
    ("demand", "known", "wanted"),
    [
        (Demand(known=True, awake=True), None, 1),
        (Demand(known=True, awake=False), 1, 0),
        (Demand(), 1, 1),
        (Demand(), 0, 0),
        (Demand(), None, 0),
    ],
)
def test_a_sleeper_wakes_on_demand_and_stays_as_it_is_when_nobody_knows(
    demand: Demand, known: int | None, wanted: int
) -> None:
    there = {("Deployment", names.AGENT_NAME): {"spec": {"replicas": known}}}
    looked = observed("sleeping", demand=demand, children=there if known is not None else {})
    assert deployment.replicas(looked) == wanted


def test_a_suspended_tenant_has_no_pods_whatever_is_wanted() -> None:
    looked = observed("suspended", demand=Demand(known=True, awake=True))
    assert deployment.replicas(looked) == 0


def test_before_its_turn_a_tenant_keeps_the_platforms_part_and_gets_its_own_changes() -> None:
    case = "tools_and_two_pods"
    former = deployment.deployment(observed(case), settings())
    there = {("Deployment", names.AGENT_NAME): former}
    newest = settings(agent_image="registry.example/konstruct/agent:2.0.0", hash_key="another")
    held = observed(case, children=there, turn=False)
    assert deployment.deployment(held, newest) == former

    later = datetime(2026, 12, 1, tzinfo=UTC)
    changed = observed(
        "adopted", children=there, turn=False, work_token=WorkToken(current="d" * 64), now=later
    )
    planned = deployment.deployment(changed, newest)
    pod, before = planned["spec"]["template"], former["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == "registry.example/konstruct/agent:1.0.0"
    assert pod["metadata"]["annotations"] != before["metadata"]["annotations"]
    assert planned["metadata"]["annotations"][names.ANNOTATION_PLATFORM_SINCE].startswith("2026-11")

    moved = deployment.deployment(dataclasses.replace(changed, turn=True), newest)
    assert moved["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2.0.0")
    assert moved["spec"]["minReadySeconds"] == 15
    assert "minReadySeconds" not in planned["spec"]
    again = observed("adopted", children={("Deployment", names.AGENT_NAME): moved}, now=later)
    assert deployment.deployment(again, newest)["spec"]["minReadySeconds"] == 15
    assert moved["metadata"]["annotations"][names.ANNOTATION_PLATFORM_SINCE].startswith("2026-12")


def test_a_deployment_of_a_version_that_remembered_nothing_keeps_its_template() -> None:
    former = deployment.deployment(observed("adopted"), settings())
    for key in (names.ANNOTATION_PLATFORM, names.ANNOTATION_PLATFORM_SINCE):
        del former["metadata"]["annotations"][key]
    there = {("Deployment", names.AGENT_NAME): former}
    held = observed("adopted", children=there, turn=False)
    planned = deployment.deployment(held, settings(agent_image="agent:2"))
    assert planned["spec"]["template"] == former["spec"]["template"]
    assert names.ANNOTATION_PLATFORM not in planned["metadata"]["annotations"]


def test_a_new_tenant_gets_the_newest_at_once() -> None:
    planned = deployment.deployment(observed("adopted", turn=False), settings(agent_image="new:1"))
    assert planned["spec"]["template"]["spec"]["containers"][0]["image"] == "new:1"


def test_the_hash_in_the_pods_annotation_tells_nothing_without_the_key() -> None:
    looked = observed("adopted")
    one, other = (
        deployment.deployment(looked, settings(hash_key=key))["spec"]["template"]["metadata"]
        for key in ("one key", "another key")
    )
    assert one != other
    assert "c" * 64 not in str(one)


def _with_additions(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_additions(one) for key, one in value.items()} | {"addedByServer": True}
    if isinstance(value, list):
        return [_with_additions(one) for one in value]
    return value
