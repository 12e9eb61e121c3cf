"""What people wrote in any script reaches statuses and Events as they wrote it."""

import json

import pytest
import yaml

from konstruct_operator.cluster.client import body_text
from support import declared
from support.cluster import Cluster
from support.declared import conditions
from support.far_registry import FarRegistry
from support.operator_process import OperatorProcess, eventually

PLACE = "team-emoji"


@pytest.mark.parametrize(
    "text",
    [
        "\N{MONEY-MOUTH FACE} \u4f60\u597d",
        "\x00\x1b\x7f\x80\x9f",
        "a\x85b\u2028c\u2029d",
        "\ufeffa\ufffe\uffff",
    ],
)
def test_a_body_says_the_same_as_json_and_as_yaml(text: str) -> None:
    body = {"message": text, text: [text]}
    assert json.loads(body_text(body)) == body
    assert yaml.safe_load(body_text(body)) == body


@pytest.mark.cluster
def test_a_name_that_nothing_can_have_is_told_in_the_status(
    fenced: Cluster, running: OperatorProcess, far: FarRegistry
) -> None:
    place = "team-odd"
    name = "\ufeffana\x7f\x80"
    odd = declared.connection(place, to=name)
    declared.apply(fenced, declared.namespace("odd"), declared.tenant("odd", namespace=place))
    fenced.kubectl("create", "-f", "-", input=json.dumps(odd))

    def told() -> bool:
        found = conditions(fenced, "channelconnections", "website", "-n", place)
        return f"no Agent {name} " in found["AgentResolved"]["message"]

    eventually(told, what="the status")


@pytest.mark.cluster
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

    def stalled() -> str:
        found = conditions(fenced, "agents.konstruct.dev", "ana", "-n", PLACE).get("Stalled", {})
        return str(found["message"]) if found.get("status") == "True" else ""

    message = eventually(stalled)
    assert "\N{MONEY-MOUTH FACE}" in message
    assert "\u4f60\u597d" in message
    tenant_id = fenced.get("tenant", "emoji")["metadata"]["uid"]
    eventually(lambda: far.snapshot(tenant_id).agents)
    assert far.snapshot(tenant_id).display_name == name

    def told() -> bool:
        events = fenced.get("events.events.k8s.io", "-n", PLACE)["items"]
        return any("\N{MONEY-MOUTH FACE}" in one["note"] for one in events)

    eventually(told, what="the Event")
