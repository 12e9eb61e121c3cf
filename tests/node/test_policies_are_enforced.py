"""Pods run, find each other by name, and reach exactly what NetworkPolicies let them reach."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from support import pods
from support.node import NodeCluster

pytestmark = pytest.mark.node

_SERVE = ("python", "-m", "http.server", "8000", "--directory", "/tmp")  # noqa: S108 - the one place that can be written
_SLEEP = ("python", "-c", "import time; time.sleep(3600)")
_TRY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
    print("reached")
except OSError as error:
    print("refused", type(error).__name__)
"""


@pytest.fixture(scope="module")
def town(node_cluster: NodeCluster, images: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Two namespaces: with an agent, and with a gateway and another server behind Services."""
    with (
        node_cluster.namespace("tenant") as tenant,
        node_cluster.namespace("platform") as platform,
    ):
        pods.apply(node_cluster, tenant, pods.pod("agent", images["agent"], command=_SLEEP))
        for name in ("gateway", "database"):
            server = pods.pod(
                name, images["agent"], command=_SERVE, ports={"http": 8000}, ready=("/", "http")
            )
            pods.apply(node_cluster, platform, server, _service(name))
        pods.wait_ready(node_cluster, tenant, "agent")
        pods.wait_ready(node_cluster, platform, "gateway", "database")
        yield tenant, platform


def test_without_a_policy_everything_is_reached_by_name(
    node_cluster: NodeCluster, town: tuple[str, str]
) -> None:
    _, platform = town
    assert _reaches(node_cluster, town, f"gateway.{platform}.svc.cluster.local", 80)
    assert _reaches(node_cluster, town, f"database.{platform}", 80)


def test_an_agent_reaches_the_gateway_and_dns_and_nothing_else(
    node_cluster: NodeCluster, town: tuple[str, str]
) -> None:
    tenant, platform = town
    pods.apply(node_cluster, tenant, *_policies(platform))
    node_cluster.policies_are_enforced(tenant, "deny", "platform")
    try:
        assert _reaches(node_cluster, town, f"gateway.{platform}", 80)
        assert not _reaches(node_cluster, town, f"database.{platform}", 80)
        assert not _reaches(node_cluster, town, "kubernetes.default", 443)
    finally:
        node_cluster.kubectl("delete", "networkpolicy", "deny", "platform", "-n", tenant)
    node_cluster.policies_are_enforced(tenant, "deny", "platform")
    assert _reaches(node_cluster, town, f"database.{platform}", 80)


def test_a_policy_keeps_others_out(node_cluster: NodeCluster, town: tuple[str, str]) -> None:
    _, platform = town
    closed = _policy("closed", {"podSelector": {"matchLabels": {"app": "database"}}})
    pods.apply(node_cluster, platform, closed)
    node_cluster.policies_are_enforced(platform, "closed")
    try:
        assert not _reaches(node_cluster, town, f"database.{platform}", 80)
        assert _reaches(node_cluster, town, f"gateway.{platform}", 80)
    finally:
        node_cluster.kubectl("delete", "networkpolicy", "closed", "-n", platform)


def test_a_new_pod_is_closed_from_its_first_moment(
    node_cluster: NodeCluster, town: tuple[str, str], images: Mapping[str, str]
) -> None:
    _, platform = town
    with node_cluster.namespace("tenant") as tenant:
        pods.apply(node_cluster, tenant, _policy("deny", {"podSelector": {}}))
        node_cluster.policies_are_enforced(tenant, "deny")
        address = node_cluster.kubectl(
            "get", "service", "gateway", "-n", platform, "-o", "jsonpath={.spec.clusterIP}"
        )
        command = ("python", "-c", _TRY, address, "80", "1")
        pods.apply(node_cluster, tenant, pods.pod("early", images["agent"], command=command))
        _, words = pods.wait_ended(node_cluster, tenant, "early")
    assert words.startswith("refused")


def _reaches(cluster: NodeCluster, town: tuple[str, str], host: str, port: int) -> bool:
    said = pods.run_python(cluster, town[0], "agent", _TRY, host, str(port), "1.5")
    return said.startswith("reached")


def _service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "http"}]},
    }


def _policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"policyTypes": ["Ingress", "Egress"], **spec},
    }


def _policies(platform: str) -> list[dict[str, Any]]:
    gateway = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": platform}},
        "podSelector": {"matchLabels": {"app": "gateway"}},
    }
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    allowed = [{"to": [gateway], "ports": [{"port": 8000}]}, {"ports": dns}]
    return [
        _policy("deny", {"podSelector": {}}),
        _policy("platform", {"podSelector": {}, "egress": allowed, "policyTypes": ["Egress"]}),
    ]
