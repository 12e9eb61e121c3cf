"""A cluster with a node, on which pods run: `node_cluster`, `images`, and `python -m support.node`.

It is the one of KUBECONFIG (with KONSTRUCT_REGISTRY), else kind where Docker runs, else the node
of the test bed. A cluster that tests started ends with the last of them; one that a person started
(`make cluster`) stays.
"""

import argparse
import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import kind_node
from support.cluster import TESTBED, Cluster, any_kubectl, cache, docker_runs, given_cluster

_ROOT = Path(__file__).parents[2]
_SCRIPT = TESTBED / "node.sh"
_STATE = Path("/run/konstruct-testbed")
_RUN_LABEL = "konstruct.dev/test-run"
_NAMES = ("operator", "gateway", "llm", "agent", "portal", "postgres")

# Of the test bed's node; see node.sh.
_MACHINE = "10.214.1.1"
_INTERNET = "203.0.113.1"


class NodeMissingError(Exception):
    """No node came up on this machine."""


@dataclass(frozen=True)
class NodeCluster(Cluster):
    """A cluster that runs pods.

    `registry` is where images are pushed and pulled. `machine` is this machine's address as pods
    see it, and `internet` an address of it that stands for the Internet; both empty on kind.
    `enforcer` is the socket that tells when a NetworkPolicy is enforced, if there is one.
    """

    registry: str
    machine: str = ""
    internet: str = ""
    enforcer: Path | None = None

    @contextlib.contextmanager
    def namespace(self, prefix: str, *, security: str = "restricted") -> Iterator[str]:
        """Give a new namespace of a Pod Security level, and delete it with all that is in it."""
        name = f"{prefix}-{uuid.uuid4().hex[:6]}"
        self.kubectl("create", "namespace", name)
        self.kubectl(
            *("label", "namespace", name, f"{_RUN_LABEL}={os.getpid()}"),
            f"pod-security.kubernetes.io/enforce={security}",
        )
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def policies_are_enforced(self, namespace: str, *names: str) -> None:
        """Wait until NetworkPolicies, as they now are (or no longer are), are enforced."""
        for name in names:
            if self.enforcer is None:
                continue
            found = self.try_kubectl(
                *("get", "networkpolicy", name, "-n", namespace),
                *("-o", "jsonpath={.metadata.resourceVersion}"),
            )
            answer = ask_enforcer(
                self.enforcer,
                {
                    "operation": "policy",
                    "namespace": namespace,
                    "name": name,
                    "version": found.stdout.strip() or None,
                },
            )
            assert answer["ok"], f"NetworkPolicy {namespace}/{name} is not enforced"


def ask_enforcer(path: Path, question: Mapping[str, object]) -> dict[str, object]:
    """Ask the node's enforcer of NetworkPolicies one question and return its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall((json.dumps(question) + "\n").encode())
        with connection.makefile() as lines:
            answer: dict[str, object] = json.loads(lines.readline())
    return answer


@pytest.fixture(scope="session")
def node_cluster() -> Iterator[NodeCluster]:
    """A cluster that runs pods; namespaces that a killed test run left in it are deleted."""
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(open_node_cluster())
        except NodeMissingError as error:
            pytest.fail(str(error), pytrace=False)
        _delete_leftovers(found)
        yield found


@pytest.fixture(scope="session")
def images(node_cluster: NodeCluster) -> Mapping[str, str]:
    """Every image by its program's name, built and in the cluster's registry."""
    built = subprocess.run(
        [_ROOT / "images" / "build.sh", *_NAMES],
        env={**os.environ, "KONSTRUCT_REGISTRY": node_cluster.registry},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        pytest.fail("The images were not built; the reason is above.", pytrace=False)
    return dict(zip(_NAMES, built.stdout.split(), strict=True))


@contextlib.contextmanager
def open_node_cluster() -> Iterator[NodeCluster]:
    """Give the cluster of this machine, started if need be."""
    given = os.environ.get("KUBECONFIG")
    if given:
        with given_cluster(Path(given)) as cluster:
            yield NodeCluster(
                kubeconfig=cluster.kubeconfig,
                kubectl_program=cluster.kubectl_program,
                registry=os.environ.get("KONSTRUCT_REGISTRY", kind_node.REGISTRY),
                **_of_the_test_bed(cluster.kubeconfig),
            )
        return
    folder = cache() / "testbed"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "node.users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield _started(for_tests=True)
        finally:
            # Whoever cannot have it alone leaves the cluster to the others.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_unless_kept()


def main() -> None:
    """`up` starts the cluster and prints how to use it; `down` ends it."""
    parser = argparse.ArgumentParser(prog="python -m support.node", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    if parser.parse_args().command == "down":
        kind_node.down() if docker_runs() else _script("down", check=True)
        return
    try:
        started = _started(for_tests=False)
    except NodeMissingError as error:
        sys.exit(str(error))
    sys.stdout.write(
        f"export KUBECONFIG={started.kubeconfig} PATH={started.kubectl_program.parent}:$PATH"
        f" KONSTRUCT_REGISTRY={started.registry}\n"
    )


def _started(*, for_tests: bool) -> NodeCluster:
    if docker_runs():
        kubeconfig = kind_node.up(kept=not for_tests)
        return NodeCluster(
            kubeconfig=kubeconfig, kubectl_program=any_kubectl(), registry=kind_node.REGISTRY
        )
    started = _script("up", for_tests=for_tests)
    if started.returncode != 0:
        _script("down")
        raise NodeMissingError("The node did not come up; its words are above.")
    folder = Path((_STATE / "directory").read_text().strip())
    kubeconfig = folder / "admin.conf"
    return NodeCluster(
        kubeconfig=kubeconfig,
        kubectl_program=folder / "kubectl",
        registry=started.stdout.rpartition("KONSTRUCT_REGISTRY=")[2].strip(),
        **_of_the_test_bed(kubeconfig),
    )


def _of_the_test_bed(kubeconfig: Path) -> dict[str, Any]:
    """Return what only the test bed's own node has; nothing for another cluster."""
    directory = _STATE / "directory"
    ours = directory.exists() and kubeconfig.parent == Path(directory.read_text().strip())
    if not ours:
        return {}
    return {
        "machine": _MACHINE,
        "internet": _INTERNET,
        "enforcer": _STATE / "enforcer.sock",
    }


def _end_unless_kept() -> None:
    if docker_runs():
        if not kind_node.is_kept():
            kind_node.down()
    elif not (_STATE / "kept").exists():
        _script("down")


def _script(
    command: str, *, check: bool = False, for_tests: bool = False
) -> subprocess.CompletedProcess[str]:
    # Its words about building go to the terminal: minutes of silence look like a hang.
    return subprocess.run(
        [_SCRIPT, command],
        env={**os.environ, "KONSTRUCT_TESTBED_FOR_TESTS": "yes" if for_tests else ""},
        stdout=subprocess.PIPE,
        text=True,
        check=check,
    )


def _delete_leftovers(cluster: NodeCluster) -> None:
    for one in cluster.get("namespaces", "-l", _RUN_LABEL)["items"]:
        run = one["metadata"]["labels"][_RUN_LABEL]
        if not Path(f"/proc/{run}").exists():
            cluster.kubectl("delete", "namespace", one["metadata"]["name"], "--wait=false")


if __name__ == "__main__":
    main()
