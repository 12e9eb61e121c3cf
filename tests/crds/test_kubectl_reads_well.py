"""Our kinds through kubectl, as an administrator meets them."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from konstruct_crds import validate
from support.cluster import Cluster, KubectlError

pytestmark = pytest.mark.cluster

_ROOT = Path(__file__).parents[2]
_SAMPLES = _ROOT / "manifests" / "samples"


@pytest.fixture
def namespace(cluster_with_crds: Cluster) -> Iterator[str]:
    name = f"crds-{uuid.uuid4().hex[:8]}"
    cluster_with_crds.kubectl("create", "namespace", name)
    yield name
    cluster_with_crds.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def samples(cluster_with_crds: Cluster) -> Iterator[Cluster]:
    cluster_with_crds.kubectl("apply", "-f", _SAMPLES)
    yield cluster_with_crds
    cluster_with_crds.kubectl("delete", "-f", _SAMPLES, "--timeout=60s", "--ignore-not-found")


def test_the_crds_are_established_and_say_so(cluster_with_crds: Cluster) -> None:
    for name in ("tenants", "agents", "channelconnections", "agenttemplates"):
        crd = cluster_with_crds.get("crd", f"{name}.konstruct.dev")
        conditions = {one["type"]: one["status"] for one in crd["status"]["conditions"]}
        assert conditions["Established"] == conditions["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in conditions
        assert crd["spec"]["conversion"]["strategy"] == "None"


def test_applying_the_crds_again_changes_nothing(cluster_with_crds: Cluster) -> None:
    def versions() -> list[tuple[str, int]]:
        found = cluster_with_crds.get("crd")["items"]
        ours = [one["metadata"] for one in found if one["spec"]["group"] == "konstruct.dev"]
        return [(one["resourceVersion"], one["generation"]) for one in ours]

    before = versions()
    cluster_with_crds.kubectl("apply", "--server-side", "-f", _ROOT / "crds")
    assert versions() == before


def test_applying_the_samples_again_changes_nothing(samples: Cluster) -> None:
    def versions() -> list[str]:
        kinds = "tenants,agents,channelconnections,agenttemplates"
        items = samples.get(kinds, "-A")["items"]
        return [one["metadata"]["resourceVersion"] for one in items]

    before = versions()
    said = samples.kubectl("apply", "-f", _SAMPLES)
    assert {line.rpartition(" ")[2] for line in said.splitlines()} == {"unchanged"}
    assert samples.kubectl("diff", "-f", _SAMPLES) == ""
    assert versions() == before


def test_server_side_apply_by_two_tools_does_not_flap(samples: Cluster) -> None:
    agent = _SAMPLES / "30-agent-ana.yaml"
    for _ in range(2):
        for manager in ("argocd", "flux"):
            samples.kubectl(
                *("apply", "--server-side", "--force-conflicts", f"--field-manager={manager}"),
                *("-f", agent),
            )
    before = samples.get("agent", "ana", "-n", "tenant-acme")["metadata"]["generation"]
    samples.kubectl("apply", "--server-side", "--field-manager=flux", "-f", agent)
    assert samples.get("agent", "ana", "-n", "tenant-acme")["metadata"]["generation"] == before


def test_what_the_operator_has_not_seen_yet_is_pending(samples: Cluster) -> None:
    conditions = samples.get("tenant", "acme")["status"]["conditions"]
    ready = next(one for one in conditions if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "Pending")


def test_one_word_lists_everything(samples: Cluster) -> None:
    lines = samples.kubectl("get", "konstruct", "-A").splitlines()
    headers = [line.split() for line in lines if line.startswith("NAMESPACE")]
    assert ["NAMESPACE", "NAME", "READY", "REASON", "DISPLAY-NAME", "AGE"] in headers
    assert ["NAMESPACE", "NAME", "READY", "REASON", "TYPE", "AGENT", "AGE"] in headers
    tenants = ["TENANT-NAMESPACE", "AGENTS", "CONNECTIONS", "AGE"]
    assert ["NAMESPACE", "NAME", "READY", "REASON", *tenants] in headers
    shown = {line.split()[1] for line in lines if line.startswith("tenant-acme")}
    assert "channelconnection.konstruct.dev/website" in shown
    assert "agent.konstruct.dev/ana" in shown


def test_wide_shows_the_message_and_short_names_work(samples: Cluster) -> None:
    for short in ("kt", "ka", "kcc", "kat"):
        wide = samples.kubectl("get", short, "-A", "-o", "wide")
        assert "MESSAGE" in wide.splitlines()[0]
        assert "Waiting for the Konstruct operator." in wide


def test_connections_are_selected_by_channel_and_agent(samples: Cluster) -> None:
    selector = "--field-selector=spec.type=WebChat,spec.agentRef.name=ana"
    found = samples.get("kcc", "-n", "tenant-acme", selector)["items"]
    assert [one["metadata"]["name"] for one in found] == ["website"]


def test_explain_reads_like_documentation(cluster_with_crds: Cluster) -> None:
    text = " ".join(cluster_with_crds.kubectl("explain", "tenants.spec.budget").split())
    assert "25000000 is 25 US dollars" in text
    assert "monthlyMicroUSD <integer> -required-" in text
    recursive = cluster_with_crds.kubectl("explain", "channelconnections.spec", "--recursive")
    assert "allowedOrigins" in recursive
    assert "enum: Slack, WebChat, WhatsApp" in recursive


def test_a_misspelt_field_is_refused(cluster_with_crds: Cluster, namespace: str) -> None:
    document = {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "Agent",
        "metadata": {"name": "ana", "namespace": namespace},
        "spec": {"displayName": "Ana", "instruction": "Ask first."},
    }
    with pytest.raises(KubectlError, match=r'unknown field "spec.instruction"'):
        cluster_with_crds.kubectl("apply", "-f", "-", input=yaml.safe_dump(document))
    assert [str(problem) for problem in validate(document)] == [
        "spec.instruction: There is no field 'instruction' here. Did you mean instructions?"
    ]


def test_a_refusal_names_the_field_and_says_what_to_write(
    cluster_with_crds: Cluster, namespace: str
) -> None:
    document = {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "ChannelConnection",
        "metadata": {"name": "shop", "namespace": namespace},
        "spec": {
            "type": "Slack",
            "slack": {"appId": "A0123", "teamId": "T0123"},
            "agentRef": {"name": "ana"},
        },
    }
    with pytest.raises(KubectlError) as refused:
        cluster_with_crds.kubectl("apply", "-f", "-", input=yaml.safe_dump(document))
    assert "spec.credentialsSecretRef: Required value" in str(refused.value)
    assert "name a Secret with the keys signingSecret, botToken" in str(refused.value)


def test_a_large_agent_is_welcome(cluster_with_crds: Cluster, namespace: str) -> None:
    knowledge = [
        {"name": f"page-{index}", "type": "Text", "text": "¿Qué tal? " * 1500} for index in range(8)
    ]
    document = {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "Agent",
        "metadata": {"name": "large", "namespace": namespace},
        "spec": {
            "displayName": "Large",
            "persona": "ñ" * 8192,
            "instructions": "¡Sé amable! " * 2700,
            "knowledge": knowledge,
        },
    }
    text = yaml.safe_dump(document, allow_unicode=True)
    assert len(text.encode()) > 170_000
    assert validate(document) == []
    cluster_with_crds.kubectl("apply", "--server-side", "-f", "-", input=text)
    again = cluster_with_crds.kubectl("apply", "--server-side", "-f", "-", input=text)
    assert "large" in again
    stored = cluster_with_crds.get("agent", "large", "-n", namespace)
    assert stored["metadata"]["generation"] == 1
    assert len(stored["spec"]["knowledge"]) == 8
