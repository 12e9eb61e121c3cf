"""A new agent image on a real API server: wave by wave, paused by a bad pod, gone on by a good one.

The cluster has controllers and no kubelet; the tests say in its place which pods are ready.
"""

from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually
from support.stand_in_kubelet import make_ready

pytestmark = pytest.mark.cluster

TENANTS = ("wave-a", "wave-b", "wave-c", "wave-d")
OLD, NEW = "registry.example/agent:1", "registry.example/agent:2"


def test_a_new_image_goes_in_waves_and_a_pod_that_stays_ill_stops_it(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    quiet = {
        "SWEEP_SECONDS": "3600",
        "ROLLOUT_PATIENCE_SECONDS": "5",
        "ROLLOUT_SETTLE_SECONDS": "1",
    }
    former = start("former", AGENT_IMAGE=OLD, **quiet)
    declared.apply(fenced, *(declared.tenant(one) for one in TENANTS))
    eventually(lambda: _ready(fenced, OLD) and _well(fenced), what="the fleet", seconds=60)
    former.terminate()

    newer = start("newer", AGENT_IMAGE=NEW, **quiet)
    first = eventually(lambda: _with_image(fenced, NEW), what="the first wave")
    assert len(first) == 1
    eventually(lambda: _metric(newer, "paused") == 1, what="the pause")
    assert _metric(newer, "pending") == 3
    assert _with_image(fenced, NEW) == first
    assert newer.events("rollout_paused")[0]["stuck"] == next(iter(first))

    held = min(set(TENANTS) - first)
    resources = {"limits": {"memory": "300Mi"}}
    declared.apply(fenced, declared.tenant(held, runtime={"resources": resources}))
    eventually(lambda: _container(fenced, held)["resources"] == resources, what="its own change")
    assert _container(fenced, held)["image"] == OLD

    newer.terminate()
    again = start("again", AGENT_IMAGE=NEW, **quiet)
    eventually(lambda: _metric(again, "paused") == 1, what="the same decision")
    assert _with_image(fenced, NEW) == first

    _ready(fenced, NEW)
    _ready(fenced, OLD)
    eventually(lambda: len(_with_image(fenced, NEW)) > 1, what="the second wave")
    second = _with_image(fenced, NEW)
    assert len(second) == 2
    assert first < second
    eventually(lambda: again.events("rollout_goes_on"), what="the word that it goes on")

    eventually(
        lambda: _ready(fenced, NEW) and _with_image(fenced, NEW) == set(TENANTS),
        what="the last wave",
    )
    eventually(lambda: _metric(again, "pending") == 0)
    assert _metric(again, "paused") == 0


def _metric(operator: OperatorProcess, name: str) -> int:
    line = f"konstruct_operator_rollout_{name} "
    found = [one for one in operator.get("/metrics").text.splitlines() if one.startswith(line)]
    return int(float(found[0].rsplit(" ", 1)[1]))


def _deployments(cluster: Cluster) -> dict[str, dict[str, Any]]:
    found = cluster.get("deployments", "-A", "-l", "konstruct.dev/tenant")["items"]
    named = {one["metadata"]["labels"]["konstruct.dev/tenant"]: one for one in found}
    return {name: one for name, one in named.items() if name in TENANTS}


def _container(cluster: Cluster, tenant: str) -> dict[str, Any]:
    found: dict[str, Any] = _deployments(cluster)[tenant]["spec"]["template"]["spec"]["containers"][
        0
    ]
    return found


def _with_image(cluster: Cluster, image: str) -> set[str]:
    return {one for one in _deployments(cluster) if _container(cluster, one)["image"] == image}


def _well(cluster: Cluster) -> bool:
    found = _deployments(cluster)
    return len(found) == len(TENANTS) and all(
        one["status"].get("availableReplicas") == 1 for one in found.values()
    )


def _ready(cluster: Cluster, image: str) -> bool:
    return make_ready(cluster, *TENANTS, image=image)
