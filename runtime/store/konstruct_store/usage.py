"""Usage: budgets are reserved before a model is called, and settled with the step after it.

Money is integer micro-USD; a month is a calendar month in the tenant's time zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from konstruct_messages.turns import Step, StepKind, StepState, Verdict
from konstruct_store import journal
from konstruct_store.errors import BudgetExceeded, TurnLost
from konstruct_store.identifiers import new_id, token_hash
from konstruct_store.journal import RecordedStep
from konstruct_store.reading import (
    DailyUsage,
    MonthUsage,
    Spent,
    daily_usage,
    month_committed,
    month_usage,
)
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

__all__ = [
    "DailyUsage",
    "Limits",
    "MonthUsage",
    "RecordedStep",
    "Reservation",
    "Spent",
    "daily_usage",
    "expire_reservations",
    "month_committed",
    "month_usage",
    "record_embedding_usage",
    "release",
    "reserve",
    "settle_model_step",
]

RESERVATION_SECONDS = 600.0
"""How long a call may take before its reservation is given back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Monthly limits in micro-USD; None: unlimited."""

    tenant: int | None = None
    agent: int | None = None
    person: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was reserved for one call, and by what right: `settle_model_step` takes it back."""

    reservation_id: UUID
    tenant_id: UUID
    turn_id: UUID
    attempt: int
    turn_token: str
    step_number: int
    agent_id: UUID
    person_id: UUID
    model: str
    micro_usd: int
    month: date
    time_zone: str


async def reserve(
    store: Store,
    *,
    tenant_id: UUID,
    turn_id: UUID,
    attempt: int,
    turn_token: str,
    step_number: int,
    agent_id: UUID,
    person_id: UUID | None,
    model: str,
    estimate_micro_usd: int,
    limits: Limits,
    time_zone: str,
    expires_seconds: float = RESERVATION_SECONDS,
) -> Reservation | RecordedStep:
    """Reserve an estimate for a model call, or return the step if it is journalled already.

    Agent and person are those of the turn, whatever the caller says. Two reservations cannot
    overspend together: the tenant's total is locked. Raises BudgetExceeded (then nothing was
    reserved), TurnLost, RetryLater.
    """
    del agent_id, person_id  # the token decides
    reservation_id, fence = new_id(), (tenant_id, turn_id, attempt, token_hash(turn_token))

    def reservation(row: Mapping[str, Any]) -> Reservation:
        return Reservation(
            reservation_id=reservation_id,
            tenant_id=tenant_id,
            turn_id=turn_id,
            attempt=attempt,
            turn_token=turn_token,
            step_number=step_number,
            agent_id=row["agent_id"],
            person_id=row["person_id"],
            model=model,
            micro_usd=estimate_micro_usd,
            month=row["month"],
            time_zone=time_zone,
        )

    async with store.at_once(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("usage/reserve_at_once"),
            *(*fence, step_number, time_zone, reservation_id, estimate_micro_usd),
            *(float(expires_seconds), limits.tenant, limits.agent, limits.person),
        )
    if row is not None:
        return reservation(row)
    async with store.transaction(tenant_id) as connection:
        turn = await journal.check_turn(connection, tenant_id, turn_id, attempt, turn_token)
        done = await journal.read_step(connection, tenant_id, turn_id, step_number)
        if done is not None:
            return RecordedStep(done, turn.verdict)
        month = await _lock_month(connection, tenant_id, time_zone)
        made = reservation({"agent_id": turn.agent_id, "person_id": turn.person_id, "month": month})
        await _require_budget(connection, made, limits)
        await connection.execute(
            statement("usage/reserve"),
            *(tenant_id, reservation_id, turn_id, step_number, month),
            *(turn.agent_id, turn.person_id, estimate_micro_usd, float(expires_seconds)),
        )
    return made


async def settle_model_step(
    store: Store,
    reservation: Reservation,
    *,
    model: str,
    input_tokens: int,
    output_tokens: int,
    cost_micro_usd: int,
    result: dict[str, Any],
) -> RecordedStep:
    """Journal the step, book its cost and end the reservation, in one transaction.

    A repetition returns what is recorded. When the turn was lost meanwhile, the cost is booked all
    the same, and TurnLost is raised. Raises RetryLater: then nothing was kept, repeat it.
    """
    step = Step(
        number=reservation.step_number,
        kind=StepKind.MODEL,
        state=StepState.DONE,
        name=model,
        result=result,
    )
    lost: TurnLost | None = None
    recorded: RecordedStep | None = None
    fence = (
        *(reservation.tenant_id, reservation.turn_id, reservation.attempt),
        token_hash(reservation.turn_token),
    )
    async with store.connection() as connection:
        verdict = await connection.fetchval(
            statement("usage/settle_at_once"),
            *(*fence, step.number, step.kind.value, step.state.value, model, step.request),
            *(step.result, reservation.time_zone, reservation.reservation_id),
            *(reservation.agent_id, reservation.person_id, input_tokens, output_tokens),
            *(cost_micro_usd, reservation.month),
        )
    if verdict is not None:
        return RecordedStep(step, Verdict(verdict))
    async with store.transaction(reservation.tenant_id) as connection:
        try:
            recorded = await journal.write_step(connection, fence, step)
        except TurnLost as error:
            lost = error
        await _lock_month(connection, reservation.tenant_id, reservation.time_zone)
        await _book(
            connection,
            reservation,
            model=model,
            tokens=(input_tokens, output_tokens),
            cost_micro_usd=cost_micro_usd,
        )
    if recorded is None:
        raise lost or TurnLost("The turn is settled.")
    return recorded


async def release(
    store: Store,
    reservation: Reservation,
    *,
    model: str = "",
    input_tokens: int = 0,
    output_tokens: int = 0,
    cost_micro_usd: int = 0,
) -> None:
    """End a reservation without a step; tokens or a cost that arose all the same are booked."""
    async with store.transaction(reservation.tenant_id) as connection:
        await _lock_month(connection, reservation.tenant_id, reservation.time_zone)
        if input_tokens or output_tokens or cost_micro_usd:
            await _book(
                connection,
                reservation,
                model=model or reservation.model,
                tokens=(input_tokens, output_tokens),
                cost_micro_usd=cost_micro_usd,
            )
            return
        await connection.execute(
            statement("usage/release"), reservation.tenant_id, reservation.reservation_id
        )


async def record_embedding_usage(
    store: Store,
    *,
    tenant_id: UUID,
    agent_id: UUID,
    person_id: UUID | None,
    model: str,
    input_tokens: int,
    cost_micro_usd: int,
    time_zone: str,
    turn_id: UUID | None = None,
    entry_id: UUID | None = None,
) -> None:
    """Book an embedding call; with the same `entry_id` only once."""
    async with store.transaction(tenant_id) as connection:
        month = await _lock_month(connection, tenant_id, time_zone)
        await connection.execute(
            statement("usage/settle"),
            *(tenant_id, entry_id or new_id(), "Embedding", time_zone, month, agent_id),
            *(person_id, turn_id, None, model, input_tokens, 0, cost_micro_usd),
        )


async def expire_reservations(store: Store, tenant_id: UUID) -> None:
    """Give back what calls reserved that never came back; `reserve` does it too."""
    async with store.transaction(tenant_id) as connection:
        await connection.execute(statement("usage/expire_reservations"), tenant_id)


async def _lock_month(connection: Connection, tenant_id: UUID, time_zone: str) -> date:
    month: date = await connection.fetchval(statement("usage/lock_tenant"), tenant_id, time_zone)
    return month


async def _require_budget(connection: Connection, reservation: Reservation, limits: Limits) -> None:
    arguments = (
        *(reservation.tenant_id, reservation.month, reservation.agent_id, reservation.person_id),
        *(reservation.turn_id, reservation.step_number),
    )
    committed = await connection.fetchrow(statement("usage/committed"), *arguments)
    if committed["expired"] or committed["repeated"]:
        await connection.execute(statement("usage/expire_reservations"), reservation.tenant_id)
        await connection.execute(
            statement("usage/replace_reservation"),
            *(reservation.tenant_id, reservation.turn_id, reservation.step_number),
        )
        committed = await connection.fetchrow(statement("usage/committed"), *arguments)
    check_budget(dict(committed), reservation.micro_usd, limits)


def check_budget(committed: dict[str, Any], estimate: int, limits: Limits) -> None:
    """Raise BudgetExceeded unless `estimate` fits beside what is committed. Pure."""
    if limits.tenant is not None and committed["tenant"] + estimate > limits.tenant:
        raise BudgetExceeded("tenant")
    if limits.agent is not None and committed["agent"] + estimate > limits.agent:
        raise BudgetExceeded("agent")
    if limits.person is not None and committed["person"] + estimate > limits.person:
        raise BudgetExceeded("person")


async def _book(
    connection: Connection,
    reservation: Reservation,
    *,
    model: str,
    tokens: tuple[int, int],
    cost_micro_usd: int,
) -> None:
    await connection.execute(
        statement("usage/settle"),
        *(reservation.tenant_id, reservation.reservation_id, "Model", reservation.time_zone),
        *(reservation.month, reservation.agent_id, reservation.person_id, reservation.turn_id),
        *(reservation.step_number, model, *tokens, cost_micro_usd),
    )
