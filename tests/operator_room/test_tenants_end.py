"""Deletion: nothing left behind, nothing lost, and never a wait without an end."""

import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import NAMESPACE, OperatorProcess, eventually

pytestmark = pytest.mark.cluster


def test_deleting_the_samples_leaves_nothing(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry, samples: Path
) -> None:
    fenced.kubectl("apply", "-f", samples)
    eventually(lambda: conditions(fenced, "tenant", "acme")["Registered"]["status"] == "True")
    fenced.kubectl("delete", "-f", samples, "--timeout=60s")
    for kind in ("tenants", "agents", "channelconnections", "agenttemplates"):
        # What another test left goes with its namespace, for which nobody waits.
        eventually(partial(_none_left, fenced, kind), what=f"no {kind}")
    assert far.named("acme") is None
    assert [one["onDelete"] for one in far.tombstones.values()] == ["Keep"]


def test_an_adopted_namespace_keeps_all_but_our_children(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    place = "team-kept"
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "theirs", "namespace": place},
    }
    declared.apply(
        fenced,
        declared.namespace("kept"),
        config,
        declared.tenant("kept", namespace=place, retention={"onDelete": "Erase"}),
        declared.agent(place),
    )
    eventually(lambda: conditions(fenced, "tenant", "kept")["Registered"]["status"] == "True")
    tenant_id = fenced.get("tenant", "kept")["metadata"]["uid"]
    fenced.kubectl("delete", "tenant", "kept", "--timeout=20s")
    kinds = "serviceaccounts,networkpolicies,deployments,rolebindings,secrets"
    ours = "app.kubernetes.io/managed-by=konstruct-operator"
    assert not fenced.get(kinds, "-n", place, "-l", ours)["items"]
    assert fenced.get("configmap", "theirs", "-n", place)
    assert fenced.get("agents", "ana", "-n", place)
    assert far.tombstones[tenant_id]["onDelete"] == "Erase"
    assert tenant_id in far.erased


def test_a_created_namespace_goes_with_its_tenant(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.tenant("brief"))
    eventually(lambda: conditions(fenced, "tenant", "brief")["Registered"]["status"] == "True")
    fenced.kubectl("delete", "tenant", "brief", "--timeout=20s")
    eventually(lambda: fenced.try_kubectl("get", "namespace", "tenant-brief").returncode != 0)


def test_a_deletion_waits_for_the_operator_and_ends_within_ten_seconds_of_its_start(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    first = start("first")
    declared.apply(fenced, declared.tenant("patient"))
    eventually(lambda: conditions(fenced, "tenant", "patient")["Registered"]["status"] == "True")
    first.terminate()
    fenced.kubectl("delete", "tenant", "patient", "--wait=false")
    time.sleep(2)
    assert fenced.get("tenant", "patient")["metadata"]["deletionTimestamp"]
    began = time.monotonic()
    start("second")
    eventually(
        lambda: fenced.try_kubectl("get", "tenant", "patient").returncode != 0,
        seconds=10,
        what="the end of the tenant",
    )
    print(f"deletion ended {time.monotonic() - began:.1f} s after the operator's start")  # noqa: T201


def test_a_deletion_waits_for_the_gateway(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.tenant("loyal"))
    eventually(lambda: conditions(fenced, "tenant", "loyal")["Registered"]["status"] == "True")
    far.down = True
    fenced.kubectl("delete", "tenant", "loyal", "--wait=false")
    time.sleep(3)
    assert fenced.get("tenant", "loyal")
    far.down = False
    eventually(lambda: fenced.try_kubectl("get", "tenant", "loyal").returncode != 0)
    assert len(far.tombstones) == 1


def test_a_forced_deletion_records_the_order_and_delivers_it_later(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    start(SWEEP_SECONDS="2")
    declared.apply(fenced, declared.tenant("forced", retention={"onDelete": "Erase"}))
    eventually(lambda: conditions(fenced, "tenant", "forced")["Registered"]["status"] == "True")
    tenant_id = fenced.get("tenant", "forced")["metadata"]["uid"]
    far.down = True
    fenced.kubectl("annotate", "tenant", "forced", f"konstruct.dev/force-delete={uuid.uuid4()}")
    fenced.kubectl("delete", "tenant", "forced", "--timeout=20s")
    orders = ("configmaps", "-n", NAMESPACE, "-l", "konstruct.dev/erase-order")
    assert [one["data"]["tenantId"] for one in fenced.get(*orders)["items"]] == [tenant_id]
    far.down = False
    eventually(lambda: tenant_id in far.tombstones, what="the delivery")
    eventually(lambda: not fenced.get(*orders)["items"], what="the end of the order")


def test_a_wait_for_the_gateway_ends_after_its_time(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    start(DELETION_SECONDS="3", SWEEP_SECONDS="2")
    declared.apply(fenced, declared.tenant("bounded"))
    eventually(lambda: conditions(fenced, "tenant", "bounded")["Registered"]["status"] == "True")
    far.down = True
    fenced.kubectl("delete", "tenant", "bounded", "--timeout=20s")
    far.down = False
    eventually(lambda: len(far.tombstones) == 1, what="the delivery")


def test_nothing_is_made_in_a_namespace_that_ends(
    fenced: Cluster, running: OperatorProcess
) -> None:
    place = "team-ending"
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": place, "finalizers": ["konstruct.dev/test"]},
    }
    declared.apply(
        fenced, declared.namespace("ending"), held, declared.tenant("ending", namespace=place)
    )
    eventually(lambda: conditions(fenced, "tenant", "ending")["Registered"]["status"] == "True")
    fenced.kubectl("delete", "namespace", place, "--wait=false")
    try:
        eventually(
            lambda: (
                conditions(fenced, "tenant", "ending")["NamespaceReady"]["reason"]
                == "NamespaceTerminating"
            )
        )
        eventually(lambda: not fenced.get("deployments", "-n", place)["items"])
        time.sleep(1)
        assert not fenced.get("deployments", "-n", place)["items"]
        assert not running.events("refused")
    finally:
        fenced.kubectl(
            "patch",
            "configmap",
            "held",
            "-n",
            place,
            "--type=json",
            "-p",
            '[{"op":"remove","path":"/metadata/finalizers"}]',
        )


def _none_left(cluster: Cluster, kind: str) -> bool:
    return not cluster.get(kind, "-A")["items"]
