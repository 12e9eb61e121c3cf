"""The chart, installed for real on a cluster with a node: what end-to-end tests speak to.

One release per session, in `konstruct-system` under the restricted Pod Security level, with this
tree's images and the small Postgres on a volume. Gateway and portal are reached over a Service of
type NodePort, so that no test depends on one pod.
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
_DOORS = {"gateway": 8000, "portal": 8003}
_READY_SECONDS = 300


@dataclass(frozen=True)
class Release:
    """An installed chart. `gateway_url` and `portal_url` are reached from this machine."""

    cluster: NodeCluster
    values: Mapping[str, Any]
    gateway_url: str
    portal_url: str

    def upgrade(self, **values: object) -> None:
        """Change values and wait until everything has rolled."""
        _install(self.cluster, {**self.values, **values})

    def uninstall(self, *, seconds: int = 120) -> str:
        """Run `helm uninstall`; return Helm's words, empty where it went well."""
        done = _helm(
            self.cluster,
            *("uninstall", _RELEASE, "--wait", "--timeout", f"{seconds}s"),
            check=False,
        )
        return done.strip()

    def pods(self, component: str = "", namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Return the pods of a component (or all), those that end excepted."""
        selector = "app.kubernetes.io/name=konstruct"
        if component:
            selector += f",app.kubernetes.io/component={component}"
        found: list[dict[str, Any]] = self.cluster.get("pods", "-n", namespace, "-l", selector)[
            "items"
        ]
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def secret(self, name: str, namespace: str = NAMESPACE) -> dict[str, str]:
        """Return what a Secret holds."""
        data = self.cluster.get("secret", name, "-n", namespace)["data"]
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
def installed(cluster: NodeCluster) -> Iterator[Release]:
    """Install the two charts, give the release, and take everything away again.

    KONSTRUCT_KEEP_RELEASE leaves it there, for whoever works on these tests.
    """
    folder = Path(tempfile.mkdtemp(prefix="konstruct-postgres-"))
    _restricted_namespace(cluster)
    values = {**_storage(cluster, folder), **_dns(cluster)}
    _helm(cluster, "upgrade", "--install", f"{_RELEASE}-crds", str(helm.CRDS), "--wait")
    try:
        _install(cluster, values)
        ports = _open_doors(cluster)
        node = _node_address(cluster)
        yield Release(
            cluster=cluster,
            values=values,
            gateway_url=f"http://{node}:{ports['gateway']}",
            portal_url=f"http://{node}:{ports['portal']}",
        )
    finally:
        if not os.environ.get("KONSTRUCT_KEEP_RELEASE"):
            _remove(cluster)
            shutil.rmtree(folder, ignore_errors=True)


def _install(cluster: NodeCluster, values: Mapping[str, Any]) -> None:
    changes = [part for key, value in values.items() for part in ("--set-json", _set(key, value))]
    _helm(
        cluster,
        *("upgrade", "--install", _RELEASE, str(helm.CHART), "--values", str(VALUES), *changes),
        *("--wait", "--timeout", f"{_READY_SECONDS}s"),
    )


def _set(key: str, value: object) -> str:
    return f"{key}={json.dumps(value)}"


def _helm(cluster: NodeCluster, *arguments: str, check: bool = True) -> str:
    """Run Helm against the cluster; return what it wrote about an error, empty if there is none."""
    where = ("--kubeconfig", str(cluster.kubeconfig), "--namespace", NAMESPACE)
    done = helm.run("helm", *arguments, *where, check=False)
    if check:
        assert done.returncode == 0, f"{done.stderr}\n{_state(cluster)}"
    return "" if done.returncode == 0 else done.stderr


def _state(cluster: NodeCluster) -> str:
    """Return what a person would look at first."""
    return "\n".join(
        cluster.try_kubectl("-n", NAMESPACE, *arguments).stdout
        for arguments in (("get", "pods,jobs"), ("get", "events", "--sort-by=.lastTimestamp"))
    )


def _restricted_namespace(cluster: NodeCluster) -> None:
    cluster.try_kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl(
        *("label", "--overwrite", "namespace", NAMESPACE),
        "pod-security.kubernetes.io/enforce=restricted",
    )


def _storage(cluster: NodeCluster, folder: Path) -> dict[str, object]:
    """Return values for a volume that outlives its pod; a node without any gets one here."""
    if not cluster.get("storageclasses")["items"]:
        folder.chmod(0o777)
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "konstruct-test"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        }
        if cluster.try_kubectl("get", "pv", "konstruct-test").returncode != 0:
            declared.apply(cluster, volume)
    return {"postgres.bundled.storage": {"type": "PersistentVolumeClaim", "size": "1Gi"}}


def _dns(cluster: NodeCluster) -> dict[str, object]:
    """Return values for a DNS that runs in no pod, as the test bed's node has it."""
    if cluster.get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")["items"]:
        return {}
    return {"dns.cidrs": [f"{_node_address(cluster)}/32"]}


def _node_address(cluster: NodeCluster) -> str:
    addresses = cluster.get("nodes")["items"][0]["status"]["addresses"]
    return next(str(one["address"]) for one in addresses if one["type"] == "InternalIP")


def _open_doors(cluster: NodeCluster) -> dict[str, int]:
    """Make Services that this machine reaches; return their ports by program."""
    declared.apply(cluster, *(_door(name, port) for name, port in _DOORS.items()))
    found = {
        name: cluster.get("service", f"test-{name}", "-n", NAMESPACE)["spec"]["ports"][0]
        for name in _DOORS
    }
    return {name: int(port["nodePort"]) for name, port in found.items()}


def _door(program: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"test-{program}", "namespace": NAMESPACE},
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
    """Take the release, its data and its kinds away, whatever a failed test left of them."""
    cluster.try_kubectl("delete", "kt", "--all", "--timeout=60s")
    _helm(cluster, "uninstall", _RELEASE, "--ignore-not-found", "--wait", check=False)
    _helm(cluster, "uninstall", f"{_RELEASE}-crds", "--ignore-not-found", check=False)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")
    cluster.try_kubectl("delete", "pv", "konstruct-test", "--timeout=30s")
    kinds = cluster.kubectl("get", "crd", "-o", "name").split()
    ours = [one for one in kinds if one.endswith(".konstruct.dev")]
    if ours:
        cluster.kubectl("delete", *ours, "--timeout=60s")
    eventually(
        lambda: not cluster.get("namespaces", "-l", "konstruct.dev/tenant")["items"],
        seconds=60,
        what="the end of the tenants' namespaces",
    )
