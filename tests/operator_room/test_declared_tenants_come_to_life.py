"""From samples to children and conditions, on a real API server under real rights."""

import base64
import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest

from konstruct_registry.seals import open_sealed
from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import GATEWAY_KEY, OperatorProcess, eventually
from support.stand_in_kubelet import make_ready

pytestmark = pytest.mark.cluster


def test_the_samples_become_children_conditions_and_a_registered_tenant(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry, samples: Path
) -> None:
    fenced.kubectl("apply", "-f", samples)
    place = fenced.get("tenant", "acme")["spec"]["namespace"]

    eventually(
        lambda: conditions(fenced, "tenant", "acme")["Ready"]["reason"] == "PodsNotReady",
        what="the tenant's condition",
    )
    found = conditions(fenced, "tenant", "acme")
    assert {name: one["status"] for name, one in found.items()} == {
        "NamespaceReady": "True",
        "SecretsReady": "True",
        "Registered": "True",
        "Available": "False",
        "BudgetAvailable": "True",
        "ModelsReady": "True",
        "Ready": "False",
        "Reconciling": "True",
        "Stalled": "False",
    }
    assert found["Available"]["reason"] == "PodsNotReady"
    children = {
        f"{one['kind']}/{one['metadata']['name']}"
        for one in fenced.get(
            "serviceaccounts,networkpolicies,deployments,rolebindings,poddisruptionbudgets,secrets",
            "-n",
            place,
            "-l",
            "app.kubernetes.io/managed-by=konstruct-operator",
        )["items"]
    }
    assert children == {
        "ServiceAccount/konstruct-agent",
        "NetworkPolicy/konstruct-default-deny",
        "NetworkPolicy/konstruct-agent-platform",
        "Deployment/konstruct-agent",
        "RoleBinding/konstruct-operator",
        "Secret/konstruct-work-token",
    }
    eventually(
        lambda: all(
            conditions(fenced, "agents", name, "-n", place)["Ready"]["reason"] == "PodsNotReady"
            for name in ("ana", "bia")
        ),
        what="the agents' conditions",
    )
    eventually(
        lambda: (
            conditions(fenced, "channelconnections", "website", "-n", place)["Ready"]["status"]
            == "True"
        ),
        what="the connection's condition",
    )
    eventually(
        lambda: (
            conditions(fenced, "agenttemplates", "customer-service")["Ready"]["status"] == "True"
        ),
        what="the template's condition",
    )
    stored = far.named("acme")
    assert stored is not None
    snapshot = far.snapshot(stored["tenantId"])
    assert {one.name for one in snapshot.agents} == {"ana", "bia"}
    assert snapshot.id_pinned
    status = fenced.get("tenant", "acme")["status"]
    assert (status["namespace"], status["agents"]) == (place, 2)


def test_the_pod_gets_exactly_its_environment_and_the_gateway_accepts_its_token(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.tenant("solo"))
    place = "tenant-solo"
    deployment = eventually(lambda: _found(fenced, "deployment", "konstruct-agent", "-n", place))
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert [one["name"] for one in container["env"]] == [
        "KONSTRUCT_GATEWAY_URL",
        "KONSTRUCT_LLM_URL",
        "KONSTRUCT_LOG_LEVEL",
        "KONSTRUCT_TENANT_ID",
        "KONSTRUCT_POD_NAME",
        "KONSTRUCT_WORK_TOKEN",
    ]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    token = _work_token(fenced, place)
    tenant_id = fenced.get("tenant", "solo")["metadata"]["uid"]
    assert token.startswith(f"kw_{tenant_id}_")
    assert hashlib.sha256(token.encode()).hexdigest() in far.snapshot(tenant_id).work_token_hashes
    labels = fenced.get("namespace", place)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    # The pod itself passes the namespace's restricted Pod Security admission.
    eventually(lambda: fenced.get("pods", "-n", place)["items"], what="a pod")


def test_a_deleted_work_token_is_rotated_and_both_count_until_the_roll_out_is_done(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.tenant("rotor"))
    place = "tenant-rotor"
    before = eventually(lambda: _found(fenced, "deployment", "konstruct-agent", "-n", place))
    old = _work_token(fenced, place)
    fenced.kubectl("delete", "secret", "konstruct-work-token", "-n", place)
    fenced.kubectl(
        "annotate", "tenant", "rotor", f"konstruct.dev/requested-at={uuid.uuid4()}", "--overwrite"
    )
    new = eventually(lambda: _work_token(fenced, place), what="a new token")
    assert new != old
    hashes = [hashlib.sha256(one.encode()).hexdigest() for one in (new, old)]
    tenant_id = fenced.get("tenant", "rotor")["metadata"]["uid"]
    eventually(lambda: list(far.snapshot(tenant_id).work_token_hashes) == hashes)

    def rolled() -> bool:
        after = fenced.get("deployment", "konstruct-agent", "-n", place)
        return _secrets_hash(after) != _secrets_hash(before)

    eventually(rolled, what="the roll-out")
    # The old pod's successor is not there yet, so both tokens go on counting.
    assert list(far.snapshot(tenant_id).work_token_hashes) == hashes
    eventually(
        lambda: (
            make_ready(fenced, "rotor")
            and list(far.snapshot(tenant_id).work_token_hashes) == hashes[:1]
        ),
        what="the end of the old token",
    )


def test_a_labelled_secret_is_sealed_to_its_one_consumer(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    place = "team-sealed"
    tool = {
        "name": "orders",
        "type": "HTTP",
        "http": {
            "url": "https://orders.example/api",
            "method": "Get",
            "secretRef": {"name": "api"},
        },
    }
    declared.apply(
        fenced,
        declared.namespace("sealed"),
        declared.tenant("sealed", namespace=place),
        declared.secret(place, "api", use="tool", token="very-secret"),
        declared.agent(place, tools=[tool]),
    )
    tenant_id = fenced.get("tenant", "sealed")["metadata"]["uid"]
    sealed = eventually(lambda: far.snapshot(tenant_id).secrets, what="a sealed secret")[0]
    assert sealed.object == "Agent/ana/orders"
    opened = open_sealed(sealed, keys=[GATEWAY_KEY], tenant_id=uuid.UUID(tenant_id))
    assert opened == {"token": "very-secret"}
    assert "very-secret" not in running.log


def _found(cluster: Cluster, *what: str) -> dict[str, Any] | None:
    result = cluster.try_kubectl("get", *what)
    return cluster.get(*what) if result.returncode == 0 else None


def _work_token(cluster: Cluster, place: str) -> str:
    found = _found(cluster, "secret", "konstruct-work-token", "-n", place)
    return base64.b64decode(found["data"]["token"]).decode() if found else ""


def _secrets_hash(deployment: dict[str, Any]) -> str:
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    return str(annotations["konstruct.dev/secrets-hash"])
