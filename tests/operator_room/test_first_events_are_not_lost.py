"""What happened in a namespace before the operator might write there is told once it may."""

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster

PLACE = "team-early"


def test_an_agent_that_came_before_its_tenant_has_its_first_event(
    fenced: Cluster, running: OperatorProcess
) -> None:
    declared.apply(fenced, declared.namespace("early"), declared.agent(PLACE))
    uid = fenced.get("agent", "ana", "-n", PLACE)["metadata"]["uid"]
    eventually(
        lambda: conditions(fenced, "agent", "ana", "-n", PLACE)["Ready"]["reason"] != "Pending",
        what="the word that there is no tenant",
    )
    first = conditions(fenced, "agent", "ana", "-n", PLACE)["Ready"]["reason"]
    assert not fenced.get("events.events.k8s.io", "-n", PLACE)["items"]
    declared.apply(fenced, declared.tenant("early", namespace=PLACE))

    def told() -> bool:
        events = fenced.get("events.events.k8s.io", "-n", PLACE)["items"]
        return first in {one["reason"] for one in events if one["regarding"].get("uid") == uid}

    eventually(told, seconds=90, what=f"the Event {first}")
    assert not running.events("event_not_written")
