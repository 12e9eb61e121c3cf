"""The store's transitions that a model step takes, in this program's words.

Every one is a transaction of its own, and none is open while a provider is being called.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog

from konstruct_llm.errors import BudgetReached, CallRefused, TryLater, TurnGone
from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.provider import Usage
from konstruct_messages.turns import Step, StepState, Verdict
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import Store, journal, usage
from konstruct_store.errors import BudgetExceeded, RetryLater, StoreError, TurnLost

_log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")
_MOST_OWNERS = 4_096
_SETTLE_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0)


@dataclass(frozen=True)
class StepKey:
    """Which step of which turn a call is, and by what right it is made."""

    tenant_id: UUID
    turn_id: UUID
    attempt: int
    turn_token: str = field(repr=False)
    number: int
    #: The caller's span (W3C), if it has one.
    traceparent: str = field(default="", compare=False)

    @property
    def call(self) -> tuple[UUID, UUID, int]:
        """What is called at most once at a time."""
        return (self.tenant_id, self.turn_id, self.number)


@dataclass(frozen=True)
class Recorded:
    """A journalled model step. `verdict` is what the agent is told along with it."""

    message: Mapping[str, Any]
    finish_reason: str
    usage: Mapping[str, Any]
    model: str
    verdict: Verdict


@dataclass(frozen=True)
class Reserved:
    """A reserved budget, to be settled or released."""

    step: StepKey
    reservation: usage.Reservation


@dataclass(frozen=True)
class TurnOwner:
    """Whose turn a step belongs to, and in which conversation."""

    agent_id: UUID
    person_id: UUID | None
    conversation_id: UUID


class Ledger:
    """Budgets and journal, over the store."""

    def __init__(self, store: Store, metrics: LlmMetrics) -> None:
        self._store = store
        self._metrics = metrics
        self._owners: OrderedDict[tuple[UUID, UUID, int, str], TurnOwner] = OrderedDict()

    async def owner(self, step: StepKey) -> TurnOwner:
        """Return whose turn this is. Raises TurnGone or TryLater.

        Remembered per attempt, since it never changes: whether the attempt still holds the turn
        is asked again with every reservation.
        """
        key = (step.tenant_id, step.turn_id, step.attempt, step.turn_token)
        known = self._owners.get(key)
        if known is None:
            context = await _said(journal.check_turn(self._store, *key))
            known = TurnOwner(
                agent_id=context.agent_id,
                person_id=context.person_id,
                conversation_id=context.conversation_id,
            )
            while len(self._owners) >= _MOST_OWNERS:
                self._owners.popitem(last=False)
            self._owners[key] = known
        return known

    async def verdict(self, step: StepKey) -> Verdict:
        """Return whether the turn goes on; CONTINUE where that cannot be told."""
        try:
            context = await journal.check_turn(
                self._store, step.tenant_id, step.turn_id, step.attempt, step.turn_token
            )
        except TurnLost:
            return Verdict.LOST
        except StoreError:
            return Verdict.CONTINUE
        return context.verdict

    async def reserve(
        self,
        step: StepKey,
        owner: TurnOwner,
        *,
        tenant: TenantSnapshot,
        limits: usage.Limits,
        model: str,
        estimate: int,
    ) -> Reserved | Recorded:
        """Reserve `estimate` micro-USD, or return what was recorded for this step before.

        Raises BudgetReached, TurnGone or TryLater.
        """
        answer = await _said(
            usage.reserve(
                self._store,
                tenant_id=step.tenant_id,
                turn_id=step.turn_id,
                attempt=step.attempt,
                turn_token=step.turn_token,
                step_number=step.number,
                agent_id=owner.agent_id,
                person_id=owner.person_id,
                model=model,
                estimate_micro_usd=estimate,
                limits=limits,
                time_zone=tenant.time_zone,
            )
        )
        if isinstance(answer, usage.Reservation):
            return Reserved(step, answer)
        return _recorded(answer.step, answer.verdict)

    async def settle(
        self, reserved: Reserved, *, model: str, cost: int, result: Mapping[str, Any]
    ) -> Recorded:
        """Journal the answer, book its cost and end the reservation, in one transaction.

        A database that is away is waited for, about ten seconds. Raises TurnGone or TryLater.
        """
        counted = result["usage"]

        async def attempt() -> Recorded:
            done = await usage.settle_model_step(
                self._store,
                reserved.reservation,
                model=model,
                input_tokens=counted["prompt_tokens"],
                output_tokens=counted["completion_tokens"],
                cost_micro_usd=cost,
                result=dict(result),
            )
            return _recorded(done.step, done.verdict)

        try:
            return await _patiently(attempt)
        except StoreError as error:
            self._metrics.unsettled.labels(type(error).__name__).inc()
            raise _translated(error) from error

    async def release(
        self, reserved: Reserved, *, model: str = "", used: Usage | None = None, cost: int = 0
    ) -> None:
        """End a reservation without a record; what was used all the same is booked.

        Never raises: a reservation that cannot be released expires by itself.
        """
        counted = used or Usage(0, 0)

        async def attempt() -> None:
            await usage.release(
                self._store,
                reserved.reservation,
                model=model,
                input_tokens=counted.input_tokens,
                output_tokens=counted.output_tokens,
                cost_micro_usd=cost,
            )

        try:
            await _patiently(attempt)
        except StoreError:
            self._metrics.unsettled.labels("release").inc()
            _log.warning("reservation_left", turn_id=str(reserved.step.turn_id))

    async def book_embedding(
        self,
        step: StepKey,
        owner: TurnOwner,
        *,
        tenant: TenantSnapshot,
        model: str,
        tokens: int,
        cost: int,
    ) -> None:
        """Book vectors to the turn's agent. Raises TryLater."""
        entry_id = uuid4()

        async def attempt() -> None:
            await usage.record_embedding_usage(
                self._store,
                tenant_id=step.tenant_id,
                agent_id=owner.agent_id,
                person_id=owner.person_id,
                turn_id=step.turn_id,
                model=model,
                input_tokens=tokens,
                cost_micro_usd=cost,
                time_zone=tenant.time_zone,
                entry_id=entry_id,
            )

        await _said(_patiently(attempt))


def _recorded(step: Step, verdict: Verdict) -> Recorded:
    if step.state is not StepState.DONE:
        raise CallRefused("The recorded step is not a model step.")
    result: Mapping[str, Any] = step.result
    return Recorded(
        message=result["message"],
        finish_reason=str(result.get("finish_reason") or "stop"),
        usage=result.get("usage") or {},
        model=str(result.get("model") or ""),
        verdict=verdict,
    )


async def _said(operation: Awaitable[_Result]) -> _Result:
    """Await a transition and raise its errors in this program's words."""
    try:
        return await operation
    except StoreError as error:
        raise _translated(error) from error


def _translated(error: StoreError) -> CallRefused:
    if isinstance(error, TurnLost):
        return TurnGone("The turn is settled, or another attempt has it.")
    if isinstance(error, BudgetExceeded):
        return BudgetReached(f"The month's budget of the {error.kind} is reached.")
    return TryLater("The database cannot be reached now.", retry_after=1.0)


async def _patiently(attempt: Callable[[], Awaitable[_Result]]) -> _Result:
    """Repeat an idempotent transition while the database is away."""
    for pause in _SETTLE_PAUSES:
        try:
            return await attempt()
        except RetryLater:
            await asyncio.sleep(pause)
    return await attempt()
