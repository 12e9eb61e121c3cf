"""A Kubernetes API for tests, one suite three ways: KUBECONFIG, kind, or the built test bed.

The fixture `cluster` is what tests ask for; `cluster_with_crds` has our four kinds on it. A cluster
that does not say that it is for tests is refused: tests create and delete what they like.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_kind.cluster

_ROOT = Path(__file__).parents[2]
TESTBED = Path(__file__).parent / "testbed"
_TEST_CONTEXT = "konstruct-testbed"
_TEST_LABEL = "konstruct.dev/test-cluster"
# Newer than pytest-kind's own default, whose Kubernetes lacks what our CRDs and policies use.
KIND_VERSION = "v0.31.0"
_KINDS = ("Tenant", "Agent", "ChannelConnection", "AgentTemplate")


class KubectlError(AssertionError):
    """kubectl ended with an error; the text is what it wrote."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that tests may write to."""

    kubeconfig: Path
    kubectl_program: Path

    def kubectl(self, *args: str | Path, input: str | None = None) -> str:  # noqa: A002 - subprocess's word
        """Run kubectl and return what it printed. Raises KubectlError with its error text."""
        result = self.try_kubectl(*args, input=input)
        if result.returncode != 0:
            raise KubectlError(result.stderr.strip() or result.stdout.strip())
        return result.stdout

    def try_kubectl(
        self,
        *args: str | Path,
        input: str | None = None,  # noqa: A002 - subprocess's word
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return how it ended, whatever that is."""
        return subprocess.run(
            [self.kubectl_program, *args],
            input=input,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def get(self, *args: str) -> dict[str, Any]:
        """Return what `kubectl get` of `args` finds, as a dictionary."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *args, "-o", "json"))
        return found


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Kubernetes API: the one of KUBECONFIG, else kind where Docker runs, else built here."""
    with open_cluster() as found:
        yield found


@pytest.fixture(scope="session")
def cluster_with_crds(cluster: Cluster) -> Cluster:
    """The cluster with our CRDs applied, served, and explained in its OpenAPI documents."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", _ROOT / "crds")
    names = [
        f"crd/{plural}.konstruct.dev"
        for plural in ("tenants", "agents", "channelconnections", "agenttemplates")
    ]
    wait = ("wait", "--for=condition=Established", "--timeout=60s", *names)
    for _ in range(20):
        result = cluster.try_kubectl(*wait)
        # kubectl fails where a CRD has no conditions at all yet, instead of waiting for them.
        if "accessor error: <nil>" not in result.stderr:
            break
        time.sleep(0.2)
    assert result.returncode == 0, result.stderr
    _wait_published(cluster)
    return cluster


def _wait_published(cluster: Cluster) -> None:
    """Return when the schemas of our kinds are published, which is later than they are served."""
    for _ in range(300):
        served = cluster.try_kubectl("get", "--raw", "/openapi/v3/apis/konstruct.dev/v1alpha1")
        missing = [kind for kind in _KINDS if f'"kind":"{kind}"' not in served.stdout]
        if not missing:
            return
        time.sleep(0.2)
    pytest.fail(f"the API server does not publish the schemas of {missing}: {served.stderr}")


def open_cluster() -> contextlib.AbstractContextManager[Cluster]:
    """Return the cluster of this machine, to be opened and closed as a context."""
    given = os.environ.get("KUBECONFIG")
    if given:
        return given_cluster(Path(given))
    return _kind_cluster() if docker_runs() else _built_cluster()


def refuse_unless_for_tests(cluster: Cluster) -> None:
    """Fail unless the cluster says that it is for tests: by its context's name or by a label."""
    context = cluster.kubectl("config", "current-context").strip()
    if context == _TEST_CONTEXT or context.startswith("kind-"):
        return
    labels = cluster.get("namespace", "kube-system")["metadata"].get("labels", {})
    if labels.get(_TEST_LABEL) == "true":
        return
    pytest.fail(
        f"KUBECONFIG points at the context {context!r}, which does not look like a test cluster;"
        " these tests create and delete what they like. Use a kind cluster, or the test bed"
        " (`make testbed`), or say that this cluster is for tests:"
        f" kubectl label namespace kube-system {_TEST_LABEL}=true",
        pytrace=False,
    )


@contextlib.contextmanager
def given_cluster(kubeconfig: Path) -> Iterator[Cluster]:
    given = Cluster(kubeconfig=kubeconfig, kubectl_program=any_kubectl())
    refuse_unless_for_tests(given)
    yield given


@contextlib.contextmanager
def _kind_cluster() -> Iterator[Cluster]:
    # pytest_kind is a pytest plugin and has read its variable before anybody could set it.
    pytest_kind.cluster.KIND_VERSION = os.environ.get("KIND_VERSION", KIND_VERSION)
    folder = cache() / "kind"
    folder.mkdir(parents=True, exist_ok=True)
    installed = shutil.which("kind")
    # pytest_kind keeps its downloads in the working directory; ours is the tree.
    with contextlib.chdir(folder):
        kind = pytest_kind.cluster.KindCluster(
            f"konstruct-{os.getpid()}",
            kind_path=Path(installed) if installed else None,
            image=os.environ.get("KIND_IMAGE"),
        )
        kind.create()
        kubeconfig = kind.kubeconfig_path.absolute()
    try:
        yield Cluster(kubeconfig=kubeconfig, kubectl_program=any_kubectl())
    finally:
        with contextlib.chdir(folder):
            kind.delete()


@contextlib.contextmanager
def _built_cluster() -> Iterator[Cluster]:
    name = f"pytest-{os.getpid()}"
    environment = {
        **os.environ,
        "KONSTRUCT_TESTBED": name,
        "KONSTRUCT_TESTBED_OWNER": str(os.getpid()),
    }
    script = TESTBED / "cluster.sh"
    # Its words about building go to the terminal: minutes of silence look like a hang.
    started = subprocess.run(
        [script, "up"], env=environment, stdout=subprocess.DEVNULL, check=False
    )
    if started.returncode != 0:
        subprocess.run([script, "down"], env=environment, check=False)
        pytest.fail("The test bed did not come up; its words are above.", pytrace=False)
    folder = cache() / "testbed" / "run" / name
    try:
        yield Cluster(kubeconfig=folder / "admin.conf", kubectl_program=folder / "kubectl")
    finally:
        subprocess.run([script, "down"], env=environment, check=False)


def any_kubectl() -> Path:
    installed = shutil.which("kubectl")
    if installed:
        return Path(installed)
    built = subprocess.run(
        [TESTBED / "build.sh", "kubernetes"], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(built.stdout.strip()) / "kubectl"


def docker_runs() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def cache() -> Path:
    return Path(os.environ.get("KONSTRUCT_CACHE") or Path.home() / ".cache" / "konstruct")
