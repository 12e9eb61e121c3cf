"""What people wrote in any script reaches statuses and Events as they wrote it."""

import pytest

from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster

PLACE = "team-emoji"


def test_an_emoji_in_a_declaration_reaches_the_status_the_event_and_the_registry(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    rule = "Es geht um Geld \N{MONEY-MOUTH FACE} (oder \u4f60\u597d"
    name = "Caf\u00e9 \N{HOT BEVERAGE}\ufe0f \N{PARROT}"
    money = {"name": "money", "when": rule, "to": {"type": "Agent", "target": "bea"}}
    declared.apply(
        fenced,
        declared.namespace("emoji"),
        declared.tenant("emoji", namespace=PLACE, displayName=name),
        declared.agent(PLACE, escalation=[money]),
        declared.agent(PLACE, "bea", displayName="Bea \N{PARROT}"),
    )
    accepted = eventually(
        lambda: conditions(fenced, "agents.konstruct.dev", "ana", "-n", PLACE).get("Stalled")
    )
    assert accepted["status"] == "True", accepted
    assert "\N{MONEY-MOUTH FACE}" in accepted["message"]
    assert "\u4f60\u597d" in accepted["message"]
    tenant_id = fenced.get("tenant", "emoji")["metadata"]["uid"]
    eventually(lambda: far.snapshot(tenant_id).agents)
    assert far.snapshot(tenant_id).display_name == name

    def told() -> bool:
        events = fenced.get("events.events.k8s.io", "-n", PLACE)["items"]
        return any("\N{MONEY-MOUTH FACE}" in one["note"] for one in events)

    eventually(told, what="the Event")
