"""watchNamespaces, Secrets that a rotation left behind, and templates."""

import uuid
from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster


def test_an_operator_of_named_namespaces_serves_these_and_makes_none(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.namespace("ours"))
    start(WATCH_NAMESPACES="team-ours")
    declared.apply(
        fenced,
        declared.tenant("ours", namespace="team-ours"),
        declared.agent("team-ours"),
        declared.tenant("theirs"),
    )
    eventually(lambda: conditions(fenced, "tenant", "ours")["Registered"]["status"] == "True")
    eventually(lambda: conditions(fenced, "tenant", "theirs")["Ready"]["status"] == "False")
    found = conditions(fenced, "tenant", "theirs")["NamespaceReady"]
    assert found["reason"] == "NamespaceNotWatched"
    assert fenced.try_kubectl("get", "namespace", "tenant-theirs").returncode != 0
    uid = fenced.get("networkpolicy", "konstruct-default-deny", "-n", "team-ours")["metadata"][
        "uid"
    ]
    fenced.kubectl("delete", "networkpolicy", "konstruct-default-deny", "-n", "team-ours")

    def back() -> bool:
        again = fenced.get("networkpolicies", "-n", "team-ours")["items"]
        return any(
            one["metadata"]["name"] == "konstruct-default-deny" and one["metadata"]["uid"] != uid
            for one in again
        )

    eventually(back, seconds=5, what="the return of the policy")


def test_a_replaced_secret_goes_if_the_portal_wrote_it_and_stays_otherwise(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    place = "team-rotate"
    by_portal = declared.secret(place, "portal-1", use="models")
    by_portal["metadata"]["labels"]["konstruct.dev/written-by"] = "portal"

    def tenant(secret: str) -> dict[str, Any]:
        models = {"providerKeysSecretRef": {"name": secret}}
        return declared.tenant("rotate", namespace=place, models=models)

    def version() -> str:
        stored = far.named("rotate")
        return str(stored["snapshot"]["secrets"][0]["secretUid"]) if stored else ""

    declared.apply(
        fenced,
        declared.namespace("rotate"),
        by_portal,
        declared.secret(place, "by-hand", use="models"),
        declared.secret(place, "portal-2", use="models"),
        tenant("portal-1"),
    )
    eventually(version, what="the first key")
    for name in ("by-hand", "portal-2"):
        before = version()
        declared.apply(fenced, tenant(name))
        eventually(lambda: version() != before, what="the next key")  # noqa: B023 - looked at once
    eventually(
        lambda: fenced.try_kubectl("get", "secret", "portal-1", "-n", place).returncode != 0,
        what="the end of the portal's old Secret",
    )
    assert fenced.get("secret", "by-hand", "-n", place)


def test_a_template_with_a_rule_that_cannot_be_read_says_so(
    fenced: Cluster, running: OperatorProcess
) -> None:
    name = f"broken-{uuid.uuid4().hex[:6]}"
    rule = {"name": "r", "when": "(turns > 3", "to": {"type": "Agent", "target": "bia"}}
    template = {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "AgentTemplate",
        "metadata": {"name": name},
        "spec": {"displayName": "Broken", "escalation": [rule]},
    }
    declared.apply(fenced, template)
    try:
        eventually(
            lambda: (
                conditions(fenced, "agenttemplate", name)["Ready"]["reason"]
                == "EscalationRuleInvalid"
            )
        )
        assert conditions(fenced, "agenttemplate", name)["Stalled"]["status"] == "True"
    finally:
        fenced.kubectl("delete", "agenttemplate", name)
