"""Leadership: one at a time, a bounded take-over, and a stale leader that ends."""

import time
from typing import Any

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import NAMESPACE, OperatorProcess, eventually

pytestmark = pytest.mark.cluster


def test_of_two_operators_one_leads_and_hands_over_when_asked_to_end(
    fenced: Cluster, start: Any, far: FarRegistry
) -> None:
    first = start("first")
    eventually(first.leads)
    second = start("second")
    eventually(lambda: second.get("/readyz").status_code == 200)
    time.sleep(2)
    assert not second.leads()
    assert first.terminate() == 0
    began = time.monotonic()
    eventually(second.leads, seconds=5, what="the take-over")
    assert time.monotonic() - began < 3
    declared.apply(fenced, declared.tenant("served"))
    eventually(lambda: conditions(fenced, "tenant", "served")["Registered"]["status"] == "True")
    assert far.session == 2


def test_a_killed_leader_is_replaced_when_its_lease_has_run_out(
    fenced: Cluster, start: Any
) -> None:
    first = start("first", LEASE_SECONDS="3")
    eventually(first.leads)
    second = start("second", LEASE_SECONDS="3")
    eventually(lambda: second.get("/healthz").status_code == 200)
    first.kill()
    began = time.monotonic()
    eventually(second.leads, seconds=10, what="the take-over")
    assert time.monotonic() - began < 3 + 3


def test_a_stale_leader_is_refused_and_ends(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    declared.apply(fenced, declared.tenant("before"))
    eventually(lambda: far.named("before"))
    far.session += 1  # a newer leader opened a session
    declared.apply(fenced, declared.tenant("after"))
    assert running.process.wait(10) == 1
    assert far.named("after") is None


def test_a_leader_whose_lease_was_taken_ends(fenced: Cluster, running: OperatorProcess) -> None:
    lease = fenced.get("lease", "konstruct-operator", "-n", NAMESPACE)
    assert lease["spec"]["holderIdentity"] == "first"
    fenced.kubectl(
        "patch",
        "lease",
        "konstruct-operator",
        "-n",
        NAMESPACE,
        "--type=merge",
        "-p",
        '{"spec":{"holderIdentity":"thief","renewTime":"2036-01-01T00:00:00.000000Z"}}',
    )
    assert running.process.wait(15) == 1
    fenced.kubectl("delete", "lease", "konstruct-operator", "-n", NAMESPACE)


def test_the_canary_sings_and_the_probes_answer(fenced: Cluster, start: Any) -> None:
    operator = start(CANARY_SECONDS="0.5")
    eventually(operator.leads)
    time.sleep(2.5)
    assert operator.get("/healthz").status_code == 200
    metrics = operator.get("/metrics").text
    assert "konstruct_operator_leading 1.0" in metrics
    assert operator.get("/nothing").status_code == 404

    def song() -> str:
        canary = fenced.get("configmap", "konstruct-operator-canary", "-n", NAMESPACE)
        return str(canary["data"]["song"])

    before = song()
    eventually(lambda: song() != before, what="another song")
