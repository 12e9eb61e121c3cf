"""One turn: think, use tools, answer. Resumes from the journal without doing any step twice.

Steps are numbered in one sequence: 0 the model, 1..k its tool calls, k+1 the model again. The model
service journals model steps; tool steps are journalled in `tool_steps`.
"""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any

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
    Unreachable,
)
from konstruct_agent.means import Means
from konstruct_agent.model import ModelAnswer, recorded_answer
from konstruct_agent.tool_steps import MAX_STEPS, ToolSteps
from konstruct_agent.tools.choices import Offer, offered
from konstruct_agent.tools.toolbox import Toolbox, toolbox
from konstruct_agent.work import patiently
from konstruct_messages.inbound import Attachment
from konstruct_messages.replies import Choice, ReplyPart
from konstruct_messages.turns import ClaimedTurn, Speaker, StepState, Verdict
from konstruct_telemetry.logs import remember
from konstruct_telemetry.traces import THINK

_log = structlog.get_logger(__name__)

_MODEL_TRIES = 4
_LONGEST_PART = 60_000


@dataclass(frozen=True)
class _Reply:
    """What a turn ends with: an answer, or with `choices` a question; and the files it made."""

    text: str
    choices: tuple[Choice, ...] = ()
    files: tuple[Attachment, ...] = ()


class TurnWorker:
    """Works on one claimed turn. `run` once; `stop` from outside when a verdict says so."""

    def __init__(self, turn: ClaimedTurn, means: Means) -> None:
        self.turn = turn
        self._means = means
        self._agent = AgentBrief.model_validate(turn.agent)
        self._tenant = TenantBrief.model_validate(turn.tenant)
        self._tools: Toolbox = toolbox(
            self._agent, self._tenant, now=means.now, keep=self._keep_file
        )
        self._journal = {step.number: step for step in turn.steps}
        self._deltas = DeltaSender(means.work, turn)
        self._stopped = asyncio.Event()
        self._said = ""
        self._traceparent = ""
        self._tool_steps = ToolSteps(
            turn, means, self._tools, catalogue=self._catalogue(), stopped=self._stopped
        )
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
                self._tool_steps.close()
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
                messages.append(await self._tool_steps.use(number, call))
                offer = self._offered(call) or offer
            number += 1
        text = self._said.strip()
        if offer is not None and not self._stopped.is_set():
            said = text if offer.question not in text else text.replace(offer.question, "").strip()
            return self._disclosed("\n\n".join(filter(None, (said, offer.question))), offer.choices)
        if self._stopped.is_set() and not text:
            text = sentences.stopped(self._catalogue())
        if not text and self._tool_steps.files:
            text = sentences.files_made(self._catalogue())
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
        return _Reply(text, choices, self._tool_steps.files)

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
        began = loop.time()
        patient_until = began + self._means.model_patience_seconds
        failures = 0
        while not self._stopped.is_set():
            try:
                async with asyncio.timeout(self._means.model_timeout_seconds):
                    return await self._stream(number, messages, tools)
            except TimeoutError as error:
                raise TurnFailed("The model took too long.") from error
            except RetryLater as error:
                if isinstance(error, Unreachable):
                    # Nobody decided anything: the person hears that it takes longer, and waits.
                    patient_until = began + self._means.model_absence_seconds
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

    async def _keep_file(self, number: int, name: str, text: str) -> Attachment:
        return await patiently(lambda: self._means.work.make_file(self.turn, number, name, text))

    # --- the end

    async def _complete(self, reply: _Reply) -> None:
        texts = [
            reply.text[start : start + _LONGEST_PART]
            for start in range(0, len(reply.text), _LONGEST_PART)
        ]
        parts = [ReplyPart(part=number, text=text) for number, text in enumerate(texts)]
        last = {"choices": reply.choices, "attachments": reply.files}
        parts[-1] = parts[-1].model_copy(update=last)
        await patiently(lambda: self._means.work.complete(self.turn, parts))

    async def _fail(self, reason: str) -> None:
        self.settling = True
        with contextlib.suppress(AgentError):
            await patiently(lambda: self._means.work.fail(self.turn, reason))
