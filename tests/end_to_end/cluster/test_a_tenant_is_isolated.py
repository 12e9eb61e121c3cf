"""From inside an agent's pod: gateway, llm and DNS, and nothing else; and no Kubernetes rights."""

from collections.abc import Iterator

import pytest

from support import pods
from support.release import NAMESPACE, Release, place

pytestmark = pytest.mark.node

_TRY = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
    print("reached")
except OSError as error:
    print("refused", type(error).__name__)
"""
_LOOK = """
import os
print(os.path.exists("/var/run/secrets/kubernetes.io"), os.getuid())
print([name for name in os.environ if name.startswith("KUBERNETES")])
try:
    open("/opt/konstruct/written", "w")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def town(release: Release) -> Iterator[str]:
    """The pod of one of two tenants."""
    with release.tenants("inner", "outer"):
        release.wait_ready("inner", "outer")
        for name in ("inner", "outer"):
            policies = release.cluster.get("networkpolicies", "-n", place(name))["items"]
            release.cluster.policies_are_enforced(
                place(name), *(one["metadata"]["name"] for one in policies)
            )
        (pod,) = release.pods("agent", place("inner"))
        yield pod["metadata"]["name"]


@pytest.mark.parametrize(("service", "port"), [("gateway", 8001), ("llm", 8002)])
def test_it_reaches_what_it_works_with_by_name(
    release: Release, town: str, service: str, port: int
) -> None:
    assert _reaches(release, town, f"konstruct-{service}.{NAMESPACE}.svc", port)


@pytest.mark.parametrize(
    ("service", "port"), [("gateway", 8000), ("portal", 8003), ("postgres", 5432)]
)
def test_it_reaches_nothing_else_of_the_platform(
    release: Release, town: str, service: str, port: int
) -> None:
    (first, *_) = release.pods(service)
    assert not _reaches(release, town, first["status"]["podIP"], port)
    assert not _reaches(release, town, f"konstruct-{service}.{NAMESPACE}.svc", port)


def test_it_does_not_reach_the_api_server(release: Release, town: str) -> None:
    assert not _reaches(release, town, "kubernetes.default.svc", 443)
    node = release.cluster.get("nodes")["items"][0]["status"]["addresses"][0]["address"]
    assert not _reaches(release, town, node, 6443)


def test_it_does_not_reach_another_tenants_pod(release: Release, town: str) -> None:
    # The agent listens on nothing: a server with the same labels stands beside it.
    (other,) = release.pods("agent", place("outer"))
    labels = {
        key: value
        for key, value in other["metadata"]["labels"].items()
        if key != "pod-template-hash"
    }
    image = other["spec"]["containers"][0]["image"]
    serve = ("python", "-m", "http.server", "8000", "--directory", "/tmp")  # noqa: S108
    pods.apply(
        release.cluster, place("outer"), pods.pod("server", image, command=serve, labels=labels)
    )
    pods.wait_ready(release.cluster, place("outer"), "server")
    found = release.cluster.get("pod", "server", "-n", place("outer"))
    assert not _reaches(release, town, found["status"]["podIP"], 8000)


def test_it_does_not_reach_the_internet(release: Release, town: str) -> None:
    address = release.cluster.internet or "1.1.1.1"
    # Where nothing answers at all, a refusal would prove nothing: on our node SSH or the registry
    # need not listen there, and a connection that is let through is refused at once.
    said = pods.run_python(release.cluster, place("inner"), town, _TRY, address, "443")
    assert said.split() == ["refused", "TimeoutError"]


def test_it_has_no_token_no_root_and_nothing_to_write(release: Release, town: str) -> None:
    said = pods.run_python(release.cluster, place("inner"), town, _LOOK).splitlines()
    assert said[0] == "False 65532"
    # The kubelet tells every pod where the API server is; this one cannot go there.
    assert "KUBERNETES_SERVICE_HOST" in said[1]
    assert said[2] in {"OSError", "PermissionError"}


def _reaches(release: Release, pod: str, host: str, port: int) -> bool:
    said = pods.run_python(release.cluster, place("inner"), pod, _TRY, host, str(port))
    return said.startswith("reached")
