"""The tool steps of a turn: run once, journalled, recalled by the next attempt.

A tool that is not idempotent is journalled Started first, and Started without Done is never run
again: the model is told that the outcome is unknown.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from gettext import NullTranslations
from typing import Any

import structlog

from konstruct_agent import sentences
from konstruct_agent.errors import AgentError, TurnLost
from konstruct_agent.means import Means
from konstruct_agent.tools.files import file_of
from konstruct_agent.tools.toolbox import Tool, Toolbox, parse_arguments
from konstruct_agent.work import patiently
from konstruct_messages.inbound import Attachment
from konstruct_messages.turns import ClaimedTurn, Step, StepKind, StepState, Verdict

_log = structlog.get_logger(__name__)

MAX_STEPS = 16
_LARGEST_RESULT = 64 * 1024


class ToolSteps:
    """Runs the tool calls of one turn. `stopped` is set here when a verdict says so."""

    def __init__(
        self,
        turn: ClaimedTurn,
        means: Means,
        tools: Toolbox,
        *,
        catalogue: NullTranslations,
        stopped: asyncio.Event,
    ) -> None:
        self._turn = turn
        self._means = means
        self._tools = tools
        self._catalogue = catalogue
        self._stopped = stopped
        self._journal = {step.number: step for step in turn.steps}
        self._telling: set[asyncio.Task[None]] = set()
        self._files: dict[str, Attachment] = {}

    @property
    def files(self) -> tuple[Attachment, ...]:
        """What was made for the person; a later file takes the place of one with its name."""
        return tuple(self._files.values())

    def close(self) -> None:
        """Stop telling what is being done."""
        for telling in self._telling:
            telling.cancel()

    async def use(self, number: int, call: Mapping[str, Any]) -> dict[str, Any]:
        """Run one tool call, or recall its record; return the message for the model."""
        recorded = self._journal.get(number)
        name = str(call["function"]["name"])[:128]
        tool = self._tools.find(name)
        result: Mapping[str, Any]
        if recorded is not None and recorded.state is StepState.DONE:
            result = recorded.result
        elif self._stopped.is_set() or number >= MAX_STEPS:
            result = {"error": "Not run: this turn has no steps left."}
        elif tool is None:
            result = await self._done(number, call, {"error": "There is no such tool."})
        elif recorded is not None and not tool.idempotent:
            unknown = {"error": "Outcome unknown: it was started and interrupted. Not run again."}
            result = await self._done(number, call, unknown)
        else:
            result = await self._run(number, call, tool)
        made = file_of(result) if tool is not None and tool.makes else None
        if made is not None:
            self._files[made.name] = made
        return {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": json.dumps(result, ensure_ascii=False),
        }

    async def _run(self, number: int, call: Mapping[str, Any], tool: Tool) -> Mapping[str, Any]:
        try:
            arguments = parse_arguments(call["function"]["arguments"])
        except ValueError as error:
            return await self._done(number, call, {"error": str(error)})
        if not tool.idempotent:
            started = _step(number, call, StepState.STARTED)
            step, verdict = await self._record(started)
            if step.state is StepState.DONE:
                return step.result
            self._heed(verdict)
            if self._stopped.is_set():
                return await self._done(number, call, {"error": "Not run: the turn was stopped."})
        self._tell(sentences.using_tool(self._catalogue, tool.name))
        result: Mapping[str, Any]
        try:
            async with asyncio.timeout(self._means.tool_timeout_seconds):
                result = await tool.run(arguments, number)
        except TimeoutError:
            result = {"error": "The tool took too long; its outcome is unknown."}
        except ValueError as error:
            result = {"error": str(error)}
        except TurnLost:
            raise
        except Exception:  # noqa: BLE001 - whatever a tool does, the turn goes on
            _log.exception("tool_failed", tool=tool.name)
            result = {"error": "The tool failed."}
        return await self._done(number, call, result)

    def _heed(self, verdict: Verdict) -> None:
        if verdict is Verdict.LOST:
            raise TurnLost("The turn is lost.")
        if verdict is Verdict.STOP:
            self._stopped.set()

    def _tell(self, text: str) -> None:
        """Show the person what is being done; nothing waits for it or depends on it."""

        async def tell() -> None:
            with contextlib.suppress(AgentError):
                await self._means.work.note(self._turn, text)

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _done(
        self, number: int, call: Mapping[str, Any], result: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        if len(json.dumps(result).encode()) > _LARGEST_RESULT:
            result = {"error": "The result is too large to be used."}
        step, verdict = await self._record(_step(number, call, StepState.DONE, result))
        self._heed(verdict)
        return step.result

    async def _record(self, step: Step) -> tuple[Step, Verdict]:
        return await patiently(lambda: self._means.work.record_step(self._turn, step))


def _step(
    number: int,
    call: Mapping[str, Any],
    state: StepState,
    result: Mapping[str, Any] | None = None,
) -> Step:
    function = call["function"]
    return Step(
        number=number,
        kind=StepKind.TOOL,
        state=state,
        name=str(function["name"])[:128] or "unnamed",
        request={"name": function["name"], "arguments": function["arguments"]},
        result=dict(result or {}),
    )
