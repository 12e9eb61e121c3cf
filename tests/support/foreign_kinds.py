"""Others' kinds that the chart can render, as their projects define them, for a test cluster.

The definitions come from the projects' Go modules, checked by hash; CloudNativePG's cannot be had
that way, so its Cluster is only rendered.
"""

import json
import subprocess
from pathlib import Path
from typing import Final

from support.cluster import TESTBED, Cluster

_MODULES: Final = {
    "sigs.k8s.io/gateway-api": ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    "github.com/prometheus-operator/prometheus-operator": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
NAMES: Final = (
    "httproutes.gateway.networking.k8s.io",
    "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com",
)


def apply(cluster: Cluster) -> None:
    """Give the cluster the kinds, and wait until it serves them."""
    for module, files in _MODULES.items():
        folder = _folder(module)
        for file in files:
            cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", folder / file)
    names = [f"crd/{name}" for name in NAMES]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)


def remove(cluster: Cluster) -> None:
    """Take the kinds away, and every object of them."""
    cluster.kubectl("delete", "crd", *NAMES, "--ignore-not-found", "--timeout=60s")


def _folder(module: str) -> Path:
    done = subprocess.run(
        ["go", "mod", "download", "-json", module],
        cwd=TESTBED / "mod" / "foreign-kinds",
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(json.loads(done.stdout)["Dir"])
