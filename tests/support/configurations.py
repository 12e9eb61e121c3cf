"""The supported configurations of the chart, made installable on a node for tests.

Each is installed from its own values file. What differs are things of the place alone: where images
and DNS are, CPU requests that fit a small node, and addresses that a values file can only give as
examples. What a platform has beforehand (a database, Secrets, labelled nodes) is made here.
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from konstruct_operator.installation.keys import first_login_secret, keys_secret
from support import declared, foreign_kinds, former, helm, pods
from support.node import NodeCluster
from support.release import Release, dns, install, node_address, restricted_namespace, volume

RENDERED_ONLY: Final = frozenset({"cloudnativepg"})
"""What needs an operator that cannot be run here; its manifests are checked without one."""

_PROGRAMS: Final = ("operator", "gateway", "llm", "portal")
_LOGINS: Final = ("gateway", "llm", "portal")


@dataclass
class Place:
    """Where a configuration is installed. `values` grows by what the place needs."""

    cluster: NodeCluster
    images: Mapping[str, str]
    namespace: str
    undo: ExitStack
    chart_values: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)

    def secret(self, name: str, **content: str) -> None:
        """Make a Secret that the values file names."""
        declared.apply(self.cluster, declared.secret(self.namespace, name, **content))

    def apply(self, *documents: declared.Document) -> None:
        """Make any objects."""
        declared.apply(self.cluster, *documents)


@contextmanager
def configured(cluster: NodeCluster, images: Mapping[str, str], name: str) -> Iterator[Release]:
    """Install the configuration `ci/NAME-values.yaml` in a namespace of its own.

    At the end all of it is gone, whether or not it was uninstalled before.
    """
    file = helm.CHART / "ci" / f"{name}-values.yaml"
    declared_values = yaml.safe_load(file.read_text())
    with ExitStack() as undo:
        place = Place(cluster, images, f"konstruct-{name}", undo, declared_values)
        restricted_namespace(cluster, place.namespace)
        try:
            _suit(place)
            if declared_values.get("postgres", {}).get("mode", "External") == "External":
                _database(place)
            _OWN.get(name, _nothing)(place)
            yield install(cluster, place.values, file=file, namespace=place.namespace)
        finally:
            _end(place)


def _end(place: Place) -> None:
    """Leave nothing cluster-wide behind, and nobody waiting for a namespace's end."""
    where = ("--kubeconfig", place.cluster.kubeconfig, "--namespace", place.namespace)
    helm.run("helm", "uninstall", "konstruct", "--ignore-not-found", "--wait", *where, check=False)
    place.cluster.kubectl("delete", "namespace", place.namespace, "--wait=false")


def _suit(place: Place) -> None:
    """Point to this tree's images and this cluster's DNS, and ask for little CPU."""
    reference = place.images["gateway"]
    place.values |= {
        "image.repository": reference.rpartition("/gateway:")[0],
        "image.tag": "dev",
        "image.pullPolicy": "Always",
        **{f"{program}.resources.requests.cpu": "10m" for program in _PROGRAMS},
        **dns(place.cluster),
    }
    if place.chart_values.get("postgres", {}).get("mode") == "Bundled":
        place.values["postgres.bundled.resources.requests.cpu"] = "10m"


def _database(place: Place) -> None:
    """Give a Postgres of the platform's own, by a Secret with the URLs of its log-ins."""
    owner = secrets.token_hex(12)
    database = pods.pod(
        "database",
        place.images["postgres"],
        env={"POSTGRES_PASSWORD": owner},
        volumes={"data": "/var/lib/postgresql/data"},
        ports={"postgres": 5432},
    )
    pods.apply(place.cluster, place.namespace, database)
    pods.wait_ready(place.cluster, place.namespace, "database")
    found = place.cluster.get("pod", "database", "-n", place.namespace)
    address = found["status"]["podIP"]
    urls = {
        f"{one}URL": f"postgresql://konstruct_{one}_login:{secrets.token_hex(12)}@{address}/konstruct"
        for one in _LOGINS
    }
    urls["ownerURL"] = f"postgresql://konstruct:{owner}@{address}/konstruct"
    place.secret("konstruct-database", **urls)
    place.values["networkPolicies.database.cidrs"] = [f"{address}/32"]


def _nothing(_: Place) -> None:
    pass


def _bundled(place: Place) -> None:
    folder = Path(tempfile.mkdtemp(prefix="konstruct-bundled-"))
    place.undo.callback(shutil.rmtree, folder, ignore_errors=True)
    place.undo.callback(
        place.cluster.try_kubectl, "delete", "pv", "konstruct-bundled", "--wait=false"
    )
    volume(place.cluster, folder, name="konstruct-bundled")
    # The node's volume is a folder, whose size nobody limits.
    place.values["postgres.bundled.storage.size"] = "1Gi"


def _http_route(place: Place) -> None:
    foreign_kinds.apply(place.cluster)
    place.undo.callback(foreign_kinds.remove, place.cluster)
    here, random = place.namespace, secrets.token_bytes
    place.apply(
        keys_secret("konstruct-keys-from-vault", here, random_bytes=random),
        first_login_secret(
            "konstruct-first-login-from-vault", here, email="a@example.com", random_bytes=random
        ),
    )


def _ingress(place: Place) -> None:
    place.secret("konstruct-models", OPENAI_API_KEY="sk-test")
    place.secret("konstruct-media", accessKeyID="key", secretAccessKey="secret")
    place.secret(
        "konstruct-slack",
        signingSecret="signing",
        clientID="1.2",
        clientSecret="client",
        appID="A0KONSTRUCT",
    )


def _narrow(place: Place) -> None:
    """Label the node and the two namespaces, and name the addresses that are this cluster's."""
    cluster = place.cluster
    cluster.kubectl("label", "nodes", "--all", "--overwrite", "pool=platform")
    place.undo.callback(cluster.kubectl, "label", "nodes", "--all", "pool-")
    reference = place.images["gateway"]
    slices = cluster.get("endpointslices", "-l", "kubernetes.io/service-name=kubernetes")["items"]
    addresses = [
        address for one in slices for end in one["endpoints"] for address in end["addresses"]
    ]
    place.values |= {
        "image.digests": {"gateway": former.digest(reference)},
        "dns": {
            "namespace": "kube-system",
            "selector": "k8s-app=kube-dns",
            "port": 53,
            "cidrs": [f"{node_address(cluster)}/32"],
        },
        # Who asks here comes from the machine, not from an ingress.
        "networkPolicies.ingressFrom": [
            *place.chart_values["networkPolicies"]["ingressFrom"],
            *({"ipBlock": {"cidr": f"{one}/32"}} for one in _askers(cluster)),
        ],
        "networkPolicies.apiServer": {
            "cidrs": [f"{one}/32" for one in addresses],
            "ports": [slices[0]["ports"][0]["port"]],
        },
    }


def _askers(cluster: NodeCluster) -> set[str]:
    """Return the addresses under which this machine's requests arrive at pods."""
    return {one for one in (cluster.machine, node_address(cluster)) if one}


_OWN: Final[Mapping[str, Callable[[Place], None]]] = {
    "bundled": _bundled,
    "httproute": _http_route,
    "ingress": _ingress,
    "narrow": _narrow,
}
