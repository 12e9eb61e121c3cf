"""Missing and wrong things: each a condition with a sentence that a person can act on."""

import shlex
import uuid
from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster


def test_a_missing_then_unlabelled_secret_is_mended_by_the_command_in_the_message(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    start(MISSING_SECONDS="3", SWEEP_SECONDS="2")
    declared.apply(
        fenced,
        declared.namespace("keys"),
        declared.tenant(
            "keys", namespace="team-keys", models={"providerKeysSecretRef": {"name": "provider"}}
        ),
    )
    found = _until(fenced, "tenant", "keys", "SecretsReady", "SecretNotFound")
    assert "kubectl create secret generic provider -n team-keys" in found["message"]
    assert conditions(fenced, "tenant", "keys")["Reconciling"]["status"] == "True"
    stalled = _until(fenced, "tenant", "keys", "Stalled", "SecretNotFound")
    assert stalled["status"] == "True"
    assert conditions(fenced, "tenant", "keys")["Reconciling"]["status"] == "False"

    declared.apply(fenced, declared.secret("team-keys", "provider"))
    found = _until(fenced, "tenant", "keys", "SecretsReady", "SecretNotLabelled")
    assert conditions(fenced, "tenant", "keys")["Stalled"]["status"] == "True"
    command = found["message"][found["message"].index("kubectl label") :]
    fenced.kubectl(*shlex.split(command)[1:])
    _until(fenced, "tenant", "keys", "SecretsReady", "SecretsReady")
    tenant_id = fenced.get("tenant", "keys")["metadata"]["uid"]
    sealed = eventually(lambda: far.snapshot(tenant_id).secrets)
    assert (sealed[0].purpose, sealed[0].last_four) == ("models", "7890")


def test_a_changed_annotation_reads_secrets_at_once(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(
        fenced,
        declared.tenant("prompt", models={"providerKeysSecretRef": {"name": "provider"}}),
    )
    _until(fenced, "tenant", "prompt", "SecretsReady", "SecretNotFound")
    declared.apply(fenced, declared.secret("tenant-prompt", "provider", use="models"))
    fenced.kubectl("annotate", "tenant", "prompt", f"konstruct.dev/requested-at={uuid.uuid4()}")
    _until(fenced, "tenant", "prompt", "SecretsReady", "SecretsReady", seconds=5)


def test_an_unknown_agent_is_named_beside_those_there_are(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(
        fenced,
        declared.namespace("lost"),
        declared.tenant("lost", namespace="team-lost"),
        declared.agent("team-lost", "bia"),
        declared.connection("team-lost", to="ana"),
    )
    connection = ("channelconnections", "website", "-n", "team-lost")
    found = _until(fenced, *connection, "AgentResolved", "AgentNotFound")
    assert "no Agent ana" in found["message"]
    assert "(there: bia)" in found["message"]
    declared.apply(fenced, declared.agent("team-lost", "ana"))
    _until(fenced, *connection, "Ready", "Ready")


def test_a_taken_id_is_stalled_and_deploys_nothing(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    taken = str(uuid.uuid4())
    declared.apply(fenced, declared.tenant("older", id=taken))
    _until(fenced, "tenant", "older", "Registered", "Registered")
    declared.apply(fenced, declared.tenant("newer", id=taken))
    found = _until(fenced, "tenant", "newer", "Registered", "TenantIDTaken")
    assert "Remove spec.id" in found["message"] or "former name" in found["message"]
    assert conditions(fenced, "tenant", "newer")["Stalled"]["status"] == "True"
    missing = fenced.try_kubectl("get", "deployment", "konstruct-agent", "-n", "tenant-newer")
    assert missing.returncode != 0
    fenced.kubectl("delete", "tenant", "newer", "--timeout=20s")
    assert taken in far.tenants, "the end of the squatter must not end the owner"


def test_a_foreign_namespace_is_refused_and_left_alone(
    fenced: Cluster, running: OperatorProcess
) -> None:
    fenced.kubectl("create", "namespace", "tenant-squat")
    try:
        declared.apply(fenced, declared.tenant("squat"))
        found = _until(fenced, "tenant", "squat", "NamespaceReady", "NamespaceForeign")
        assert "kubectl label namespace tenant-squat konstruct.dev/tenant=squat" in found["message"]
        assert not fenced.get("networkpolicies", "-n", "tenant-squat")["items"]
        fenced.kubectl("delete", "tenant", "squat", "--timeout=20s")
        assert fenced.get("namespace", "tenant-squat")["status"]["phase"] == "Active"
    finally:
        fenced.kubectl("delete", "namespace", "tenant-squat", "--wait=false")


def test_a_declared_namespace_is_waited_for(fenced: Cluster, running: OperatorProcess) -> None:
    declared.apply(fenced, declared.tenant("early", namespace="team-early"))
    found = _until(fenced, "tenant", "early", "NamespaceReady", "NamespaceNotFound")
    assert "kubectl create namespace team-early" in found["message"]
    assert conditions(fenced, "tenant", "early")["Reconciling"]["status"] == "True"
    declared.apply(fenced, declared.namespace("early"))
    _until(fenced, "tenant", "early", "NamespaceReady", "NamespaceReady", seconds=5)


def test_a_namespace_of_another_tenant_is_refused(
    fenced: Cluster, running: OperatorProcess
) -> None:
    declared.apply(
        fenced, declared.namespace("owner"), declared.tenant("thief", namespace="team-owner")
    )
    found = _until(fenced, "tenant", "thief", "NamespaceReady", "NamespaceForeign")
    assert "belongs to the tenant owner" in found["message"]


def test_an_agent_in_a_namespace_of_no_tenant_says_so(
    fenced: Cluster, running: OperatorProcess
) -> None:
    fenced.kubectl("create", "namespace", "nobody")
    try:
        declared.apply(fenced, declared.agent("nobody"))
        found = _until(fenced, "agents", "ana", "-n", "nobody", "Ready", "TenantNotFound")
        assert "No Tenant has the namespace nobody" in found["message"]
        declared.apply(fenced, declared.tenant("somebody", namespace="nobody"))
        fenced.kubectl("label", "namespace", "nobody", "konstruct.dev/tenant=somebody")
        _until(fenced, "agents", "ana", "-n", "nobody", "Ready", "PodsNotReady")
    finally:
        fenced.kubectl("delete", "tenant", "somebody", "--ignore-not-found", "--timeout=20s")
        fenced.kubectl("delete", "namespace", "nobody", "--wait=false")


def test_a_channel_that_the_gateway_has_not_tried_yet_says_so_honestly(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    phone = declared.connection(
        "team-chat",
        "phone",
        type="WhatsApp",
        whatsApp={"phoneNumberId": "1", "businessAccountId": "2"},
        credentialsSecretRef={"name": "phone"},
    )
    declared.apply(
        fenced,
        declared.namespace("chat"),
        declared.tenant("chat", namespace="team-chat"),
        declared.secret(
            "team-chat", "phone", use="channel", appSecret="s", verifyToken="v", accessToken="a"
        ),
        declared.agent("team-chat"),
        phone,
    )
    what = ("channelconnections", "phone", "-n", "team-chat")
    found = _until(fenced, *what, "Authenticated", "NotReportedYet")
    assert found["status"] == "Unknown"
    assert conditions(fenced, *what)["Ready"]["status"] == "Unknown"
    status = fenced.get(*what)["status"]
    assert status["webhookURL"] == "https://chat.example/hooks/whatsapp/chat/phone"
    assert "/" in status["credentialsVersion"]


def test_a_settled_object_tells_its_transition_once(
    fenced: Cluster, running: OperatorProcess
) -> None:
    declared.apply(fenced, declared.tenant("told"))
    _until(fenced, "tenant", "told", "Ready", "PodsNotReady")
    uid = fenced.get("tenant", "told")["metadata"]["uid"]

    def told() -> list[str]:
        events = fenced.get("events.events.k8s.io", "-n", "default")["items"]
        return [one["reason"] for one in events if one["regarding"].get("uid") == uid]

    eventually(lambda: "PodsNotReady" in told(), what="the Event")
    for _ in range(3):
        fenced.kubectl(
            "annotate",
            "tenant",
            "told",
            f"konstruct.dev/requested-at={uuid.uuid4()}",
            "--overwrite",
        )
    assert told().count("PodsNotReady") == 1


def _until(cluster: Cluster, *what_type_reason: str, seconds: float = 20) -> dict[str, Any]:
    *what, kind, reason = what_type_reason

    def look() -> dict[str, Any] | None:
        found = conditions(cluster, *what).get(kind)
        return found if found is not None and found["reason"] == reason else None

    return eventually(look, seconds=seconds, what=f"{kind} {reason}")
