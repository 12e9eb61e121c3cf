"""Our own node is killed without mercy: nothing of it stays, and the next start has it again.

It runs before every other test (see conftest.py): none has put anything into the cluster yet.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.node import NodeCluster, open_node_cluster
from support.waiting import until

pytestmark = pytest.mark.node

_STATE = Path("/run/konstruct-testbed")


@pytest.fixture
def killed(node_cluster: NodeCluster) -> NodeCluster:
    """The node's cluster after SIGKILL to its first process."""
    if node_cluster.enforcer is None:
        pytest.skip("this cluster is not the test bed's own node")
    if (_STATE / "kept").exists() or os.environ.get("KUBECONFIG"):
        pytest.skip("somebody keeps this cluster; make cluster-down gives it to the tests")
    first = node_cluster.kubeconfig.parent / "init.pid"
    os.kill(int(first.read_text()), signal.SIGKILL)
    return node_cluster


async def test_a_killed_node_leaves_nothing_and_comes_back(killed: NodeCluster) -> None:
    folder = str(killed.kubeconfig.parent)
    # What stays is the wire of the registry's port, which is outside; the next start takes it.
    await until(lambda: not _processes_of(folder) - {"socat"}, seconds=60)
    await until(lambda: "konstruct-node" not in _links(), seconds=60)
    assert folder not in Path("/proc/mounts").read_text()
    with open_node_cluster() as again:
        assert "node" in again.kubectl("get", "nodes")
        assert "kubelet" in _processes_of(folder)


def _processes_of(folder: str) -> set[str]:
    """Return the names of the living processes whose command lines name the folder."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{folder}/" in (process / "cmdline").read_text():
                found.add((process / "comm").read_text().strip())
    return found


def _links() -> str:
    return subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
