"""One turn: think, use tools, answer. Resumes from the journal without doing any step twice.

Steps are numbered in one sequence: 0 the model, 1..k its tool calls, k+1 the model again. The model
service journals model steps; tool steps are journalled here. A tool that is not idempotent is
journalled Started first, and Started without Done is never run again: the model is told that the
outcome is unknown.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from gettext import NullTranslations
from typing import Any, TypeVar

import structlog

from konstruct_agent import disclosure, prompt, sentences
from konstruct_agent.brief import AgentBrief, TenantBrief
from konstruct_agent.deltas import DeltaSender
from konstruct_agent.errors import (
    AgentError,
    BudgetReached,
    Refused,
    RetryLater,
    TurnFailed,
    TurnLost,
)
from konstruct_agent.model import ModelAnswer, ModelClient, recorded_answer
from konstruct_agent.tools.choices import Offer, offered
from konstruct_agent.tools.toolbox import Tool, Toolbox, parse_arguments, toolbox
from konstruct_agent.work import WorkClient
from konstruct_messages.replies import Choice, ReplyPart
from konstruct_messages.turns import ClaimedTurn, Speaker, Step, StepKind, StepState, Verdict
from konstruct_telemetry.logs import remember
from konstruct_telemetry.traces import THINK, Traces

_log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")

MAX_STEPS = 16
_MODEL_TRIES = 4
_WORK_TRIES = 8
_LONGEST_PART = 60_000
_LARGEST_RESULT = 64 * 1024


@dataclass(frozen=True)
class Means:
    """What a turn works with; injected, so that a test holds clock and pauses."""

    work: WorkClient
    model: ModelClient
    catalogues: Mapping[str, NullTranslations]
    now: Callable[[], datetime]
    tool_timeout_seconds: float = 30.0
    model_timeout_seconds: float = 150.0
    #: How long a model service that is away is waited for: it, or its database, may start anew.
    model_patience_seconds: float = 30.0
    traces: Traces = field(default_factory=Traces)


@dataclass(frozen=True)
class _Reply:
    """What a turn ends with: an answer, or with `choices` a question."""

    text: str
    choices: tuple[Choice, ...] = ()


class TurnWorker:
    """Works on one claimed turn. `run` once; `stop` from outside when a verdict says so."""

    def __init__(self, turn: ClaimedTurn, means: Means) -> None:
        self.turn = turn
        self._means = means
        self._agent = AgentBrief.model_validate(turn.agent)
        self._tenant = TenantBrief.model_validate(turn.tenant)
        self._tools: Toolbox = toolbox(self._agent, self._tenant, now=means.now)
        self._journal = {step.number: step for step in turn.steps}
        self._deltas = DeltaSender(means.work, turn)
        self._stopped = asyncio.Event()
        self._said = ""
        self._traceparent = ""
        self._telling: set[asyncio.Task[None]] = set()
        self.settling = False

    def stop(self) -> None:
        """End the work soon: the reply is what there is."""
        self._stopped.set()

    async def run(self) -> None:
        """Work and settle. Returns when the turn is settled or lost; raises nothing else."""
        turn = self.turn
        remember(
            tenant_id=turn.tenant_id, conversation_id=turn.conversation_id, turn_id=turn.turn_id
        )
        log = _log.bind(attempt=turn.attempt)
        try:
            try:
                reply = await self._traced_answer()
            except BudgetReached:
                reply = _Reply(sentences.budget_reached(self._catalogue()))
            finally:
                # Not waited for: a socket drops what comes later than the reply.
                self._deltas.finish()
                for telling in self._telling:
                    telling.cancel()
            self.settling = True
            await self._complete(reply)
            log.info("turn_answered")
        except TurnLost:
            log.info("turn_lost")
        except RetryLater as error:
            # The gateway is away. The lease ends, and the next attempt goes on from the journal: a
            # person gets the answer that there is, not an apology.
            log.warning("turn_left", reason=str(error))
        except (TurnFailed, Refused) as error:
            log.warning("turn_failed", reason=str(error))
            await self._fail(str(error))
        except Exception:
            log.exception("turn_crashed")
            await self._fail("The agent failed.")
        finally:
            await self._deltas.close()

    async def _traced_answer(self) -> _Reply:
        turn = self.turn
        with self._means.traces.span(
            turn.turn_id, THINK, tenant_id=turn.tenant_id, attempt=turn.attempt
        ) as span:
            self._traceparent = span.traceparent
            return await self._answer()

    async def _answer(self) -> _Reply:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": self._system_prompt()},
            *prompt.conversation(self.turn),
        ]
        number = 0
        offer: Offer | None = None
        while offer is None and not self._stopped.is_set():
            answer = await self._think(number, messages)
            if answer is None or not answer.calls:
                break
            messages.append(answer.message())
            for call in answer.calls:
                number += 1
                messages.append(await self._use_tool(number, call))
                offer = self._offered(call) or offer
            number += 1
        text = self._said.strip()
        if offer is not None and not self._stopped.is_set():
            said = text if offer.question not in text else text.replace(offer.question, "").strip()
            return self._disclosed("\n\n".join(filter(None, (said, offer.question))), offer.choices)
        if self._stopped.is_set() and not text:
            text = sentences.stopped(self._catalogue())
        if not text:
            raise TurnFailed("The model answered nothing.")
        return self._disclosed(text)

    def _offered(self, call: Mapping[str, Any]) -> Offer | None:
        """Return the question that a call ends the turn with; None for every other call."""
        tool = self._tools.find(str(call["function"]["name"])[:128])
        return offered(call["function"]["arguments"]) if tool is not None and tool.asks else None

    def _disclosed(self, text: str, choices: tuple[Choice, ...] = ()) -> _Reply:
        asked = [line.text for line in self.turn.messages if line.speaker is Speaker.PERSON]
        text = disclosure.ensure(text, asked=asked, catalogues=self._means.catalogues)
        return _Reply(text, choices)

    def _system_prompt(self) -> str:
        notes = [prompt.ToolNote(tool.name, tool.description) for tool in self._tools]
        return prompt.system_prompt(
            self._agent,
            self._tenant,
            tools=notes,
            language=self.turn.language or self._agent.language or self._tenant.language,
            person=self.turn.person_name,
        )

    def _catalogue(self) -> NullTranslations:
        language = prompt.answer_language(self.turn, self._agent, self._tenant)
        return self._means.catalogues[language]

    # --- model steps

    async def _think(self, number: int, messages: list[dict[str, Any]]) -> ModelAnswer | None:
        """Return the model's answer for step `number`; None when the turn was stopped."""
        recorded = self._journal.get(number)
        if recorded is not None and recorded.state is StepState.DONE:
            answer = recorded_answer(recorded.result)
            self._said = answer.text
            return answer
        tools = [tool.offer() for tool in self._tools] if number < MAX_STEPS - 1 else []
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + self._means.model_patience_seconds
        failures = 0
        while not self._stopped.is_set():
            try:
                async with asyncio.timeout(self._means.model_timeout_seconds):
                    return await self._stream(number, messages, tools)
            except TimeoutError as error:
                raise TurnFailed("The model took too long.") from error
            except RetryLater as error:
                failures += 1
                if failures >= _MODEL_TRIES and loop.time() >= patient_until:
                    raise TurnFailed(f"No model answered: {error}") from error
                await self._pause(error.retry_after)
        return None

    async def _stream(
        self, number: int, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> ModelAnswer | None:
        answer = ModelAnswer()
        self._said = ""
        self._deltas.restart()
        stream = self._means.model.stream(
            self.turn,
            number,
            messages=messages,
            tools=tools,
            answer=answer,
            traceparent=self._traceparent,
        )

        async def consume() -> None:
            async with contextlib.aclosing(stream) as texts:
                async for text in texts:
                    self._said += text
                    self._deltas.add(text)

        if not await self._unless_stopped(consume()):
            return None
        self._heed(answer.verdict)
        return answer

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work`; return False when the turn was stopped before its end."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return False
            working.result()
            return True
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds + random.uniform(0, 0.25)):
                await self._stopped.wait()

    def _heed(self, verdict: Verdict) -> None:
        if verdict is Verdict.LOST:
            raise TurnLost("The turn is lost.")
        if verdict is Verdict.STOP:
            self.stop()

    # --- tool steps

    async def _use_tool(self, number: int, call: Mapping[str, Any]) -> dict[str, Any]:
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
            result = await self._run_tool(number, call, tool)
        return {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": json.dumps(result, ensure_ascii=False),
        }

    async def _run_tool(
        self, number: int, call: Mapping[str, Any], tool: Tool
    ) -> Mapping[str, Any]:
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
        self._tell(sentences.using_tool(self._catalogue(), tool.name))
        result: Mapping[str, Any]
        try:
            async with asyncio.timeout(self._means.tool_timeout_seconds):
                result = await tool.run(arguments)
        except TimeoutError:
            result = {"error": "The tool took too long; its outcome is unknown."}
        except ValueError as error:
            result = {"error": str(error)}
        except Exception:  # noqa: BLE001 - whatever a tool does, the turn goes on
            _log.exception("tool_failed", tool=tool.name)
            result = {"error": "The tool failed."}
        return await self._done(number, call, result)

    def _tell(self, text: str) -> None:
        """Show the person what is being done; nothing waits for it or depends on it."""

        async def tell() -> None:
            with contextlib.suppress(AgentError):
                await self._means.work.note(self.turn, text)

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
        return await self._patiently(lambda: self._means.work.record_step(self.turn, step))

    # --- the end

    async def _complete(self, reply: _Reply) -> None:
        texts = [
            reply.text[start : start + _LONGEST_PART]
            for start in range(0, len(reply.text), _LONGEST_PART)
        ]
        parts = [ReplyPart(part=number, text=text) for number, text in enumerate(texts)]
        parts[-1] = parts[-1].model_copy(update={"choices": reply.choices})
        await self._patiently(lambda: self._means.work.complete(self.turn, parts))

    async def _fail(self, reason: str) -> None:
        self.settling = True
        with contextlib.suppress(AgentError):
            await self._patiently(lambda: self._means.work.fail(self.turn, reason))

    async def _patiently(self, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        """Repeat while the gateway is away; every operation may be repeated safely."""
        for pause in range(_WORK_TRIES):
            try:
                return await attempt()
            except RetryLater as error:
                if pause == _WORK_TRIES - 1:
                    raise
                wait = max(min(0.1 * 2**pause, 5.0), min(error.retry_after, 5.0) if pause else 0)
                await asyncio.sleep(wait * random.uniform(0.7, 1.0))
        raise AssertionError


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
