"""An agent offers its built-in tools under the names that its declaration gives them."""

from datetime import UTC, datetime

import pytest

from konstruct_agent.brief import AgentBrief, TenantBrief
from konstruct_agent.tools.toolbox import toolbox
from konstruct_messages.inbound import Attachment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def names(*declared: dict[str, object]) -> list[str]:
    agent = AgentBrief.model_validate({"name": "ana", "displayName": "Ana", "tools": declared})
    tenant = TenantBrief.model_validate({"name": "acme", "timeZone": "Etc/UTC"})

    async def keep(_number: int, _name: str, _text: str) -> Attachment:
        raise AssertionError

    return [tool.name for tool in toolbox(agent, tenant, now=lambda: NOON, keep=keep)]


def clock(name: str) -> dict[str, object]:
    return {"name": name, "type": "BuiltIn", "builtIn": {"function": "DateAndTime"}}


def test_a_declared_clock_has_the_declared_name() -> None:
    assert names(clock("wall-clock")) == ["wall-clock"]


def test_an_agent_without_a_clock_gets_one() -> None:
    assert names() == ["time"]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "shop", "type": "HTTP", "http": {"url": "https://shop.example"}},
        {"name": "odd", "type": "BuiltIn"},
        {"name": "odd", "type": "BuiltIn", "builtIn": "DateAndTime"},
        {"name": "new", "type": "BuiltIn", "builtIn": {"function": "NotYetInvented"}},
    ],
)
def test_what_this_version_cannot_run_is_not_offered(other: dict[str, object]) -> None:
    assert names(other) == ["time"]
