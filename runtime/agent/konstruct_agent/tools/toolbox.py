"""The tools of a turn: what the model is offered, and how a call of it is run."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konstruct_agent.brief import AgentBrief, TenantBrief
from konstruct_agent.tools import choices, clock, files
from konstruct_agent.tools.files import Keep

_CLOCK = "time"
_DATE_AND_TIME = "DateAndTime"
_OFFER_CHOICES = "OfferChoices"
_MAKE_FILE = "MakeFile"


@dataclass(frozen=True)
class Tool:
    """A tool. Idempotent ones may be run again freely; others never, once they have started.

    What `asks` ends the turn: its arguments are the question. What `makes` names in its result a
    file that goes with the answer.

    `run` takes the arguments and the number of the step, and returns a JSON object; it raises
    ValueError for arguments it cannot use, with a sentence for the model.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[[Mapping[str, Any], int], Awaitable[dict[str, Any]]]
    idempotent: bool = False
    asks: bool = False
    makes: bool = False

    def offer(self) -> dict[str, Any]:
        """Return the tool in OpenAI's shape."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(self.parameters),
            },
        }


class Toolbox:
    """The tools an agent has, by name."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = dict(tools)

    def find(self, name: str) -> Tool | None:
        """Return the tool called `name`, or None."""
        return self._tools.get(name)

    def __iter__(self) -> Any:
        return iter(self._tools.values())


def toolbox(
    agent: AgentBrief, tenant: TenantBrief, *, now: Callable[[], datetime], keep: Keep
) -> Toolbox:
    """Return the built-in tools that this agent has, under their declared names.

    `keep` is given the files that are made. An agent that declares no clock gets one called `time`:
    without it a model guesses.
    """
    tools: dict[str, Tool] = {}
    clocks = 0
    for declared in agent.tools:
        block = declared.get("builtIn")
        function = block.get("function") if isinstance(block, Mapping) else None
        if declared.get("type") != "BuiltIn":
            continue
        name = str(declared.get("name"))
        if function == _DATE_AND_TIME:
            clocks += 1
            tools[name] = _time_tool(name, tenant, now)
        elif function == _OFFER_CHOICES:
            tools[name] = _choices_tool(name)
        elif function == _MAKE_FILE:
            tools[name] = _file_tool(name, keep)
    if not clocks and _CLOCK not in tools:
        tools[_CLOCK] = _time_tool(_CLOCK, tenant, now)
    return Toolbox(tools)


def parse_arguments(text: str) -> dict[str, Any]:
    """Return a call's arguments. Raises ValueError with a sentence for the model."""
    try:
        arguments = json.loads(text or "{}")
    except ValueError as error:
        raise ValueError("The arguments are not valid JSON.") from error
    if not isinstance(arguments, dict):
        raise ValueError("The arguments must be a JSON object.")  # noqa: TRY004 - one kind of error
    return arguments


def _choices_tool(name: str) -> Tool:
    async def run(arguments: Mapping[str, Any], _number: int) -> dict[str, Any]:
        made = choices.offer(arguments)
        return {"offered": [one.label for one in made.choices]}

    return Tool(
        name=name,
        description=choices.DESCRIPTION,
        parameters=choices.PARAMETERS,
        run=run,
        idempotent=True,
        asks=True,
    )


def _file_tool(name: str, keep: Keep) -> Tool:
    async def run(arguments: Mapping[str, Any], number: int) -> dict[str, Any]:
        return await files.make(arguments, number, keep)

    return Tool(
        name=name,
        description=files.DESCRIPTION,
        parameters=files.PARAMETERS,
        run=run,
        # The same file of the same step is kept once, however often it is made.
        idempotent=True,
        makes=True,
    )


def _time_tool(name: str, tenant: TenantBrief, now: Callable[[], datetime]) -> Tool:
    async def run(arguments: Mapping[str, Any], _number: int) -> dict[str, Any]:
        zone = arguments.get("zone") or tenant.time_zone
        return clock.tell(str(zone), now())

    return Tool(
        name=name,
        description="Tells the date, the time and the weekday, here or in a given time zone.",
        parameters=clock.PARAMETERS,
        run=run,
        idempotent=True,
    )
