"""The journal: what an attempt did, so that the next attempt does not do it again."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from konstruct_messages.turns import ConversationMode, Step, StepKind, StepState, Verdict
from konstruct_store.errors import TurnLost
from konstruct_store.identifiers import token_hash
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step as it is recorded, and how the turn goes on."""

    step: Step
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What follows from a turn's token: never taken from a request."""

    agent_id: UUID
    person_id: UUID
    person_key: str
    conversation_id: UUID
    connection_id: UUID
    conversation_key: str
    agent_revision: str
    mode: ConversationMode
    verdict: Verdict


async def record_step(
    store: Store, tenant_id: UUID, turn_id: UUID, attempt: int, turn_token: str, step: Step
) -> RecordedStep:
    """Journal `step` and return what is recorded under its number.

    That is `step` itself, or what was recorded before: only Started may still become Done. Raises
    TurnLost, RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        return await write_step(
            connection, (tenant_id, turn_id, attempt, token_hash(turn_token)), step
        )


async def write_step(
    connection: Connection, fence: tuple[UUID, UUID, int, bytes], step: Step
) -> RecordedStep:
    """Journal `step` in the caller's transaction. `fence`: tenant, turn, attempt, token hash."""
    tenant_id, turn_id, _, _ = fence
    row = await connection.fetchrow(
        statement("journal/record_step"),
        *fence,
        *(step.number, step.kind.value, step.state.value, step.name, step.request, step.result),
    )
    if row is None:
        raise TurnLost("The turn is settled, or another attempt has it.")
    if row["number"] is not None:
        recorded: Step | None = _step(row)
    else:
        recorded = await read_step(connection, tenant_id, turn_id, step.number)
    return RecordedStep(recorded or step, Verdict(row["verdict"]))


async def read_step(
    connection: Connection, tenant_id: UUID, turn_id: UUID, number: int
) -> Step | None:
    """Return the step recorded under `number`, or None."""
    row = await connection.fetchrow(statement("journal/step"), tenant_id, turn_id, number)
    if row is None:
        return None
    return _step(row)


def _step(row: asyncpg.Record) -> Step:
    return Step(
        number=row["number"],
        kind=StepKind(row["kind"]),
        state=StepState(row["state"]),
        name=row["name"],
        request=row["request"],
        result=row["result"],
    )


async def check_turn(
    store: Store | Connection, tenant_id: UUID, turn_id: UUID, attempt: int, turn_token: str
) -> TurnContext:
    """Return what the turn is about.

    With a Store this is a transaction of its own and locks nothing; with a connection (inside a
    transaction of the tenant) the turn's row stays locked until its end. Raises TurnLost.
    """
    fence = (tenant_id, turn_id, attempt, token_hash(turn_token))
    if isinstance(store, Store):
        async with store.at_once(tenant_id) as connection:
            row = await connection.fetchrow(statement("journal/turn_at_once"), *fence)
    else:
        row = await store.fetchrow(statement("journal/lock_turn"), *fence)
    if row is None:
        raise TurnLost("The turn is settled, or another attempt has it.")
    return _context(row)


def _context(row: asyncpg.Record) -> TurnContext:
    mode = ConversationMode(row["mode"])
    stopped = row["stop_requested"] or mode is ConversationMode.HUMAN
    return TurnContext(
        agent_id=row["agent_id"],
        person_id=row["person_id"],
        person_key=row["person_key"],
        conversation_id=row["conversation_id"],
        connection_id=row["connection_id"],
        conversation_key=row["conversation_key"],
        agent_revision=row["agent_revision"],
        mode=mode,
        verdict=Verdict.STOP if stopped else Verdict.CONTINUE,
    )
