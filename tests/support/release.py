"""The chart, installed for real on a cluster with a node: what end-to-end tests speak to.

Most tests share one release, in `konstruct-system` under the restricted Pod Security level, with
this tree's images and the small Postgres on a volume. Gateway and portal are reached over a Service
of type NodePort, so that no test depends on one pod.
"""

import base64
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import declared, helm
from support.node import NodeCluster
from support.operator_process import eventually

NAMESPACE = helm.NAMESPACE
VALUES = Path(__file__).parents[1] / "end_to_end" / "cluster" / "values.yaml"
_RELEASE = "konstruct"
_VOLUME = "konstruct-test"
_DOORS = {"gateway": 8000, "portal": 8003}
_CLUSTER_WIDE = (
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,"
    "validatingadmissionpolicybindings,validatingwebhookconfigurations,"
    "mutatingwebhookconfigurations,priorityclasses,apiservices"
)
_READY_SECONDS = 300


@dataclass(frozen=True)
class Release:
    """An installed chart. `gateway_url` and `portal_url` are reached from this machine."""

    cluster: NodeCluster
    values: Mapping[str, Any]
    gateway_url: str
    portal_url: str
    namespace: str = NAMESPACE
    file: Path = VALUES

    def upgrade(self, *, chart: Path = helm.CHART, **values: object) -> None:
        """Change values, or the chart, and wait until everything has rolled."""
        changed = {**self.values, **values}
        install(self.cluster, changed, file=self.file, namespace=self.namespace, chart=chart)

    def rollback(self, *, seconds: int = _READY_SECONDS) -> None:
        """Go back to what was installed before, and wait until everything has rolled."""
        _helm(
            self.cluster,
            *("rollback", _RELEASE, "--wait", "--timeout", f"{seconds}s"),
            namespace=self.namespace,
        )

    def uninstall(self, *, seconds: int = 120) -> str:
        """Run `helm uninstall`; return Helm's words, empty where it went well."""
        done = _helm(
            self.cluster,
            *("uninstall", _RELEASE, "--wait", "--timeout", f"{seconds}s"),
            namespace=self.namespace,
            check=False,
        )
        return done.strip()

    def cluster_wide(self) -> set[str]:
        """Return what is there of ours outside every namespace, the kinds themselves excepted."""
        listed = self.cluster.kubectl("get", _CLUSTER_WIDE, "-o", "name").split()
        return {one for one in listed if "/konstruct" in one and "konstruct-testbed" not in one}

    def pods(self, component: str = "", namespace: str = "") -> list[dict[str, Any]]:
        """Return the pods of a component (or all), those that end excepted."""
        selector = "app.kubernetes.io/name=konstruct"
        if component:
            selector += f",app.kubernetes.io/component={component}"
        place = namespace or self.namespace
        found: list[dict[str, Any]] = self.cluster.get("pods", "-n", place, "-l", selector)["items"]
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def secret(self, name: str, namespace: str = "") -> dict[str, str]:
        """Return what a Secret holds."""
        data = self.cluster.get("secret", name, "-n", namespace or self.namespace)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def conditions(self, *what: str) -> dict[str, dict[str, Any]]:
        """Return the conditions of an object by type."""
        return declared.conditions(self.cluster, *what)

    def wait_ready(self, *tenants: str, seconds: float = 120) -> None:
        """Wait until every object of the tenants says Ready."""
        for name in tenants:
            self.cluster.kubectl(
                *("wait", "--for=condition=Ready", f"kt/{name}", f"--timeout={seconds:.0f}s")
            )
            self.cluster.kubectl(
                *("wait", "--for=condition=Ready", "ka,kcc", "--all", "-n", place(name)),
                f"--timeout={seconds:.0f}s",
            )

    @contextlib.contextmanager
    def tenants(self, *names: str, **spec: Any) -> Iterator[None]:
        """Give tenants with one agent and one web chat each; at the end they are deleted."""
        try:
            declared.apply(self.cluster, *(one for name in names for one in whole(name, **spec)))
            yield
        finally:
            self.cluster.kubectl("delete", "kt", *names, "--ignore-not-found", "--timeout=120s")
            self.cluster.kubectl(
                *("delete", "namespace", *map(place, names)),
                *("--ignore-not-found", "--timeout=120s"),
            )


def place(tenant: str) -> str:
    """Return the namespace of a tenant of these tests."""
    return f"tenant-{tenant}"


def whole(tenant: str, **spec: Any) -> list[dict[str, Any]]:
    """Return a tenant with its namespace, one agent and one web chat."""
    namespace = declared.namespace(tenant, place(tenant))
    namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    return [
        namespace,
        declared.tenant(tenant, namespace=place(tenant), **spec),
        declared.agent(place(tenant)),
        declared.connection(place(tenant)),
    ]


@contextlib.contextmanager
def kinds_installed(cluster: NodeCluster) -> Iterator[None]:
    """Install the chart of the kinds; at the end they are gone, and every object of them."""
    restricted_namespace(cluster, NAMESPACE)
    _helm(cluster, "upgrade", "--install", f"{_RELEASE}-crds", str(helm.CRDS), "--wait")
    try:
        yield
    finally:
        if not os.environ.get("KONSTRUCT_KEEP_RELEASE"):
            _remove_kinds(cluster)


@contextlib.contextmanager
def installed(cluster: NodeCluster, *, chart: Path = helm.CHART) -> Iterator[Release]:
    """Install the charts, give the release, and take everything away again.

    KONSTRUCT_KEEP_RELEASE leaves it there, for whoever works on these tests.
    """
    folder = Path(tempfile.mkdtemp(prefix="konstruct-postgres-"))
    with kinds_installed(cluster):
        values = {**volume(cluster, folder), **dns(cluster)}
        try:
            yield install(cluster, values, chart=chart)
        finally:
            if not os.environ.get("KONSTRUCT_KEEP_RELEASE"):
                _remove(cluster)
                shutil.rmtree(folder, ignore_errors=True)


def install(
    cluster: NodeCluster,
    values: Mapping[str, Any],
    *,
    file: Path = VALUES,
    namespace: str = NAMESPACE,
    chart: Path = helm.CHART,
    seconds: int = _READY_SECONDS,
) -> Release:
    """Install or upgrade the chart, wait until every pod is Ready, and open the doors."""
    changes = [part for key, value in values.items() for part in ("--set-json", _set(key, value))]
    _helm(
        cluster,
        *("upgrade", "--install", _RELEASE, str(chart), "--values", str(file), *changes),
        *("--wait", "--timeout", f"{seconds}s"),
        namespace=namespace,
    )
    ports, node = _open_doors(cluster, namespace), node_address(cluster)
    return Release(
        cluster=cluster,
        values=values,
        gateway_url=f"http://{node}:{ports['gateway']}",
        portal_url=f"http://{node}:{ports['portal']}",
        namespace=namespace,
        file=file,
    )


def _set(key: str, value: object) -> str:
    return f"{key}={json.dumps(value)}"


def _helm(
    cluster: NodeCluster, *arguments: str, namespace: str = NAMESPACE, check: bool = True
) -> str:
    """Run Helm against the cluster; return what it wrote about an error, empty if there is none."""
    where = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace)
    done = helm.run("helm", *arguments, *where, check=False)
    if check:
        assert done.returncode == 0, f"{done.stderr}\n{_state(cluster, namespace)}"
    return "" if done.returncode == 0 else done.stderr


def _state(cluster: NodeCluster, namespace: str) -> str:
    """Return what a person would look at first."""
    return "\n".join(
        cluster.try_kubectl("-n", namespace, *arguments).stdout
        for arguments in (("get", "pods,jobs"), ("get", "events", "--sort-by=.lastTimestamp"))
    )


def restricted_namespace(cluster: NodeCluster, name: str) -> None:
    """Make a namespace under the restricted Pod Security level, unless it is there."""
    cluster.try_kubectl("create", "namespace", name)
    cluster.kubectl(
        *("label", "--overwrite", "namespace", name),
        "pod-security.kubernetes.io/enforce=restricted",
    )


def volume(cluster: NodeCluster, folder: Path, *, name: str = _VOLUME) -> dict[str, object]:
    """Return values for a volume that outlives its pod; a node without any gets one here."""
    if not cluster.get("storageclasses")["items"]:
        folder.chmod(0o777)
        document = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        }
        if cluster.try_kubectl("get", "pv", name).returncode != 0:
            declared.apply(cluster, document)
    return {"postgres.bundled.storage": {"type": "PersistentVolumeClaim", "size": "1Gi"}}


def dns(cluster: NodeCluster) -> dict[str, object]:
    """Return values for a DNS that runs in no pod, as the test bed's node has it."""
    if cluster.get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")["items"]:
        return {}
    return {"dns.cidrs": [f"{node_address(cluster)}/32"]}


def node_address(cluster: NodeCluster) -> str:
    """Return the first node's address inside the cluster."""
    addresses = cluster.get("nodes")["items"][0]["status"]["addresses"]
    return next(str(one["address"]) for one in addresses if one["type"] == "InternalIP")


def _open_doors(cluster: NodeCluster, namespace: str) -> dict[str, int]:
    """Make Services that this machine reaches; return their ports by program."""
    declared.apply(cluster, *(_door(name, port, namespace) for name, port in _DOORS.items()))
    found = {
        name: cluster.get("service", f"test-{name}", "-n", namespace)["spec"]["ports"][0]
        for name in _DOORS
    }
    return {name: int(port["nodePort"]) for name, port in found.items()}


def _door(program: str, port: int, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"test-{program}", "namespace": namespace},
        "spec": {
            "type": "NodePort",
            "selector": {
                "app.kubernetes.io/name": "konstruct",
                "app.kubernetes.io/component": program,
            },
            "ports": [{"name": "http", "port": port, "targetPort": "http"}],
        },
    }


def _remove(cluster: NodeCluster) -> None:
    """Take the release and its data away, whatever a failed test left of them."""
    cluster.try_kubectl("delete", "kt", "--all", "--timeout=60s")
    _helm(cluster, "uninstall", _RELEASE, "--ignore-not-found", "--wait", check=False)
    cluster.try_kubectl("delete", "pvc", "--all", "-n", NAMESPACE, "--timeout=60s")
    cluster.try_kubectl("delete", "pv", _VOLUME, "--timeout=30s")


def _remove_kinds(cluster: NodeCluster) -> None:
    _helm(cluster, "uninstall", f"{_RELEASE}-crds", "--ignore-not-found", check=False)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s", "--ignore-not-found")
    kinds = cluster.kubectl("get", "crd", "-o", "name").split()
    ours = [one for one in kinds if one.endswith(".konstruct.dev")]
    if ours:
        cluster.kubectl("delete", *ours, "--timeout=60s")
    eventually(
        lambda: not cluster.get("namespaces", "-l", "konstruct.dev/tenant")["items"],
        seconds=60,
        what="the end of the tenants' namespaces",
    )
