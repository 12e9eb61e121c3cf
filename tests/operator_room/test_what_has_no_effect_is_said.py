"""An Agent that declares more than this version can do is told so, word for word."""

from typing import Any

from konstruct_crds import Agent
from konstruct_operator.checks.agents import agent_is_accepted
from konstruct_operator.checks.finding import Verdict


def finding(**spec: Any) -> tuple[str, str]:
    document = {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "Agent",
        "metadata": {"name": "ana", "namespace": "tenant-acme"},
        "spec": {"displayName": "Ana", **spec},
    }
    found = agent_is_accepted(Agent.model_validate(document))
    assert found.verdict is Verdict.HOLDS
    return found.reason, found.message


def test_what_works_is_simply_accepted() -> None:
    clock = {"name": "time", "type": "BuiltIn", "builtIn": {"function": "DateAndTime"}}
    assert finding(tools=[clock], handOff=[{"name": "shop", "type": "Portal"}]) == (
        "Accepted",
        "The declaration is understood.",
    )


def test_tools_and_knowledge_that_do_nothing_yet_are_named() -> None:
    reason, message = finding(
        tools=[
            {
                "name": "orders",
                "type": "HTTP",
                "http": {"url": "https://o.example", "method": "Get"},
            },
            {"name": "stock", "type": "MCP", "mcp": {"url": "https://s.example"}},
        ],
        knowledge=[{"name": "faq", "type": "Text", "text": "Closed on Sundays."}],
        memory={"recall": "Enabled"},
    )
    assert reason == "AcceptedInPart"
    assert "the tools orders and stock, knowledge, recall" in message
