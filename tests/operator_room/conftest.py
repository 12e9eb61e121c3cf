"""What the operator's tests against a cluster share: rights, a far registry, a running operator."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.far_registry import FarRegistry, far_registry
from support.operator_process import (
    ACCOUNT,
    NAMESPACE,
    ROOT,
    OperatorProcess,
    account_kubeconfig,
    eventually,
    install_rights,
    operator_process,
)

Start = Callable[..., OperatorProcess]


@pytest.fixture(scope="session")
def fenced(cluster_with_crds: Cluster) -> Cluster:
    """The cluster with our kinds, the operator's rights and the admission policies in force."""
    install_rights(cluster_with_crds)

    def fence_stands() -> bool:
        refused = cluster_with_crds.try_kubectl(
            "create",
            "rolebinding",
            ACCOUNT,
            "--clusterrole=konstruct-operator-tenant",
            f"--serviceaccount={NAMESPACE}:{ACCOUNT}",
            "-n",
            "default",
            "--dry-run=server",
            f"--as=system:serviceaccount:{NAMESPACE}:{ACCOUNT}",
        )
        return "only in namespaces labelled konstruct.dev/tenant" in refused.stderr

    eventually(fence_stands, what="the fence")
    return cluster_with_crds


@pytest.fixture(scope="session")
def operator_kubeconfig(fenced: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return account_kubeconfig(fenced, tmp_path_factory.mktemp("account"), ACCOUNT, NAMESPACE)


@pytest.fixture
def far() -> Iterator[FarRegistry]:
    with far_registry() as registry:
        yield registry


@pytest.fixture
def start(
    fenced: Cluster, operator_kubeconfig: Path, far: FarRegistry, tmp_path: Path
) -> Iterator[Start]:
    """Start operators by name; afterwards end them and remove every tenant."""
    running: list[OperatorProcess] = []
    with ExitStack() as stack:

        def begin(name: str = "first", **over: str) -> OperatorProcess:
            found = stack.enter_context(
                operator_process(operator_kubeconfig, far.url, tmp_path, name=name, **over)
            )
            running.append(found)
            return found

        yield begin
        far.down = False
        if fenced.get("tenants")["items"]:
            if not any(one.process.poll() is None for one in running):
                begin("broom")
            fenced.kubectl("delete", "tenants", "--all", "--timeout=60s")
        selector = "konstruct.dev/tenant"
        fenced.kubectl("delete", "namespaces", "-l", selector, "--wait=false", "--ignore-not-found")


@pytest.fixture
def samples(fenced: Cluster) -> Path:
    """The samples' folder, once what an earlier test left of their namespace is gone."""
    folder = ROOT / "manifests" / "samples"
    gone = ("get", "namespace", "tenant-acme")
    eventually(lambda: fenced.try_kubectl(*gone).returncode != 0, seconds=60, what="a clean start")
    return folder


@pytest.fixture
def running(start: Start) -> OperatorProcess:
    """One operator that leads."""
    found = start()
    eventually(found.leads, seconds=90, what="leadership")
    return found
