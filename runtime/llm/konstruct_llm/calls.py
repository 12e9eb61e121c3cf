"""One model step from the reserved budget to the journal, independent of who still listens.

A call runs as a task of its own. Readers follow it; one that comes back after a lost connection
joins the same call instead of paying for a second one. When the last reader leaves, the call goes
on if its turn does (the next attempt finds the record), and is cut short if its turn was stopped.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from konstruct_llm.assembly import Assembly, pieces_of
from konstruct_llm.errors import AttemptFailed, CallRefused, TryLater, TurnGone
from konstruct_llm.ledger import Ledger, Recorded, Reserved, StepKey
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.provider import ChatCall, Deployment, Piece, Usage
from konstruct_llm.routing import Router
from konstruct_llm.tokens import estimate_prompt, estimate_text
from konstruct_messages.turns import Verdict
from konstruct_telemetry.traces import MODEL, Traces

_log = structlog.get_logger(__name__)

CallKey = tuple[UUID, UUID, int]


@dataclass
class RunningCall:
    """A call in progress or just ended. `follow` yields its pieces from the first on."""

    step: StepKey
    model: str = ""
    pieces: list[Piece] = field(default_factory=list)
    recorded: Recorded | None = None
    failure: CallRefused | None = None
    readers: int = 0
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    cut: bool = False

    @property
    def ended(self) -> bool:
        """Whether there is a record or a failure."""
        return self.recorded is not None or self.failure is not None

    def tell(self) -> None:
        """Wake every reader."""
        self.changed.set()
        self.changed = asyncio.Event()
        if self.ended:
            self.over.set()

    async def begun(self) -> None:
        """Wait for the first piece. Raises the CallRefused of a call that never began."""
        while not self.pieces and not self.ended:
            await self.changed.wait()
        if not self.pieces and self.failure is not None:
            raise self.failure

    async def follow(self, *, pause_seconds: float = 0.0) -> AsyncIterator[Sequence[Piece]]:
        """Yield all pieces; afterwards `recorded` is set. Raises the CallRefused that ended it.

        The first come at once, then whatever has gathered, at most every `pause_seconds`.
        """
        position = 0
        while True:
            if position < len(self.pieces):
                gathered = self.pieces[position:]
                position += len(gathered)
                yield gathered
                if pause_seconds > 0 and not self.ended:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause_seconds):
                            await self.over.wait()
                continue
            if self.failure is not None:
                raise self.failure
            if self.recorded is not None:
                return
            await self.changed.wait()


class ModelCalls:
    """All calls in progress in this program."""

    def __init__(
        self,
        *,
        router: Router,
        ledger: Ledger,
        metrics: LlmMetrics,
        deadline_seconds: float,
        tenant_concurrency: int,
        traces: Traces,
    ) -> None:
        self._router = router
        self._ledger = ledger
        self._metrics = metrics
        self._deadline = deadline_seconds
        self._tenant_concurrency = tenant_concurrency
        self._traces = traces
        self._running: dict[CallKey, RunningCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, step: StepKey) -> RunningCall | None:
        """Return this attempt's call if it is in progress; an older attempt's is cut short."""
        running = self._running.get(step.call)
        if running is None or running.step.attempt == step.attempt:
            return running
        if running.step.attempt < step.attempt:
            self._cancel(running)
            return None
        return running

    def in_progress(self, tenant_id: UUID) -> int:
        """Return how many calls of a tenant are in progress."""
        return sum(key[0] == tenant_id for key in self._running)

    def check_room(self, tenant_id: UUID) -> None:
        """Raise TryLater when the tenant has as many calls in progress as it may."""
        if self.in_progress(tenant_id) >= self._tenant_concurrency:
            raise TryLater("Too many calls of this tenant are in progress.", retry_after=1.0)

    def replay(self, step: StepKey, recorded: Recorded) -> RunningCall:
        """Return a call that has already ended: the record, as a stream of one piece."""
        self._metrics.calls.labels("repeated").inc()
        return RunningCall(
            step=step,
            model=recorded.model,
            pieces=pieces_of(recorded.message),
            recorded=recorded,
        )

    def start(self, reserved: Reserved, chain: Sequence[Deployment], call: ChatCall) -> RunningCall:
        """Begin a call whose budget is reserved."""
        running = RunningCall(step=reserved.step)
        self._running[reserved.step.call] = running
        running.task = asyncio.create_task(self._traced(running, reserved, chain, call))
        self._keep(running.task)
        return running

    def arrived(self, running: RunningCall) -> None:
        """Count a reader."""
        running.readers += 1

    def left(self, running: RunningCall) -> None:
        """Count a reader off; the last one's leaving may cut the call short."""
        running.readers -= 1
        if running.readers <= 0 and not running.ended:
            self._keep(asyncio.create_task(self._abandoned(running)))

    async def close(self) -> None:
        """Cut every call short and wait for the ends."""
        for running in list(self._running.values()):
            self._cancel(running)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel(self, running: RunningCall) -> None:
        if running.task is not None and not running.ended:
            running.task.cancel()
        self._running.pop(running.step.call, None)

    async def _abandoned(self, running: RunningCall) -> None:
        verdict = await self._ledger.verdict(running.step)
        if running.readers > 0 or running.ended:
            return
        if verdict is Verdict.LOST:
            self._cancel(running)
        elif verdict is Verdict.STOP:
            running.cut = True

    async def _traced(
        self,
        running: RunningCall,
        reserved: Reserved,
        chain: Sequence[Deployment],
        call: ChatCall,
    ) -> None:
        step = reserved.step
        with self._traces.span(
            step.turn_id,
            MODEL,
            parent=step.traceparent,
            tenant_id=step.tenant_id,
            attempt=step.attempt,
            step=step.number,
        ) as span:
            await self._run(running, reserved, chain, call)
            span.say(model=running.model or chain[0].model.name)
            if running.recorded is not None:
                used = running.recorded.usage
                span.say(
                    input_tokens=int(used.get("prompt_tokens", 0)),
                    output_tokens=int(used.get("completion_tokens", 0)),
                )
            if running.failure is not None:
                span.failed(type(running.failure).__name__)

    async def _run(
        self,
        running: RunningCall,
        reserved: Reserved,
        chain: Sequence[Deployment],
        call: ChatCall,
    ) -> None:
        began = asyncio.get_running_loop().time()
        outcome = "failed"
        self._metrics.in_progress.inc()
        assembly = Assembly()
        deployment = chain[0]
        try:
            opened = await self._router.open(chain, call, deadline=began + self._deadline)
            deployment = opened.deployment
            running.model = deployment.model.name
            async for piece in opened.pieces:
                if not running.pieces:
                    elapsed = asyncio.get_running_loop().time() - began
                    self._metrics.first_token.labels(running.model).observe(elapsed)
                assembly.add(piece)
                running.pieces.append(piece)
                running.tell()
                if running.cut or assembly.full:
                    assembly.finish_reason = "length" if assembly.full else "stop"
                    await opened.pieces.aclose()
                    break
            running.recorded = await self._settle(reserved, deployment, call, assembly)
            outcome = "answered"
        except AttemptFailed as failure:
            await self._write_off(reserved, deployment, call, assembly)
            running.failure = TryLater(
                f"The answer broke off ({failure.kind.value}).", retry_after=1.0
            )
        except TurnGone as refusal:
            running.failure = refusal  # its cost was booked where the loss was found out
            outcome = refusal.code
        except CallRefused as refusal:
            await self._write_off(reserved, deployment, call, assembly)
            running.failure = refusal
            outcome = refusal.code
        except asyncio.CancelledError:
            running.failure = TryLater("The call was given up.", retry_after=1.0)
            await asyncio.shield(self._write_off(reserved, deployment, call, assembly))
            raise
        except Exception:  # noqa: BLE001 - a task's own end: readers and budget are told
            running.failure = CallRefused("The model service failed.")
            _log.exception("call_failed")
            await self._write_off(reserved, deployment, call, assembly)
        finally:
            self._metrics.in_progress.dec()
            self._metrics.calls.labels(outcome).inc()
            if self._running.get(running.step.call) is running:
                del self._running[running.step.call]
            running.tell()

    async def _settle(
        self, reserved: Reserved, deployment: Deployment, call: ChatCall, assembly: Assembly
    ) -> Recorded:
        usage = assembly.usage or _estimated(call, assembly)
        model = deployment.model
        cost = model.cost(usage.input_tokens, usage.output_tokens)
        self._metrics.tokens.labels(model.name, "input").inc(usage.input_tokens)
        self._metrics.tokens.labels(model.name, "output").inc(usage.output_tokens)
        self._metrics.cost.labels(model.name).inc(cost)
        result: dict[str, Any] = {
            "message": assembly.message(),
            "finish_reason": assembly.finish_reason or "stop",
            "usage": {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.input_tokens + usage.output_tokens,
            },
            "model": model.name,
        }
        return await self._ledger.settle(reserved, model=model.name, cost=cost, result=result)

    async def _write_off(
        self, reserved: Reserved, deployment: Deployment, call: ChatCall, assembly: Assembly
    ) -> None:
        """End the reservation of a call without record; what was generated is still paid for."""
        if assembly.empty:
            await self._ledger.release(reserved)
            return
        usage = assembly.usage or _estimated(call, assembly)
        await self._ledger.release(
            reserved,
            model=deployment.model.name,
            used=usage,
            cost=deployment.model.cost(usage.input_tokens, usage.output_tokens),
        )


def _estimated(call: ChatCall, assembly: Assembly) -> Usage:
    """Return an estimate for providers that do not count."""
    return Usage(estimate_prompt(call.messages, call.tools), estimate_text(assembly.spoken()))
