"""Names: a channel may know a person by several, and they change; the conversation stays one.

A conversation is called by the name that its person is written to by. Every other name of the
person stands for it here.
"""

import functools
from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import asyncpg

from konstruct_messages.identity import ConnectionId, TenantId, person_id
from konstruct_messages.inbound import Ignored
from konstruct_store.controls import note_in
from konstruct_store.errors import RetryLater
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

Names = Sequence[str]
"""A person's names; the one to go by comes first."""


class MoveVerdict(StrEnum):
    """What became of a person's new name."""

    MOVED = "Moved"
    NOBODY = "Nobody"
    """Nobody here has the name before."""
    TAKEN = "Taken"
    """A conversation under the new name has begun already; both stay as they are."""
    REPEATED = "Repeated"


async def recognise(
    store: Store, tenant_id: UUID, connection_id: UUID, people: Sequence[Names]
) -> list[str]:
    """Return each person's conversation key: of a known name, else the first name.

    Names that are new are remembered. What comes while a transaction of the same connection is
    under way shares the next one. Raises RetryLater.
    """
    found: list[str] = await store.lanes.go(
        ("names", tenant_id, connection_id),
        people,
        functools.partial(_recognise_together, store, (tenant_id, connection_id)),
        lambda _first, _other: True,
    )
    return found


async def _recognise_together(
    store: Store, place: tuple[UUID, UUID], requests: Sequence[Sequence[Names]]
) -> list[list[str] | Exception]:
    everybody = [names for people in requests for names in people]
    try:
        known = await _learn(store, place, everybody)
    except RetryLater:
        raise
    except Exception:
        if len(requests) == 1:
            raise
        # Somebody's names cannot be kept: each on its own, so that they fail alone.
        return [await _alone(store, place, people) for people in requests]
    return [[_key(names, known) for names in people] for people in requests]


async def _alone(
    store: Store, place: tuple[UUID, UUID], people: Sequence[Names]
) -> list[str] | Exception:
    try:
        known = await _learn(store, place, people)
    except Exception as error:  # noqa: BLE001 - its caller gets it
        return error
    return [_key(names, known) for names in people]


async def _learn(store: Store, place: tuple[UUID, UUID], people: Sequence[Names]) -> dict[str, str]:
    """Return what names stand for, those that are new included."""
    async with store.transaction(place[0]) as connection:
        known = await _find(connection, place, people)
        new = _new(people, known)
        if new:
            learnt = await connection.fetch(
                statement("names/learn"), *place, list(new), list(new.values())
            )
            # Somebody else may have learnt the same at the same moment: theirs holds.
            known |= new if len(learnt) == len(new) else await _find(connection, place, people)
    return known


async def move(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    *,
    former: Names,
    names: Names,
    noted: Ignored,
) -> MoveVerdict:
    """Let a conversation go on under its person's new names. Raises RetryLater.

    What waits to be sent goes to the new name. The former names stand for nobody any more: a number
    may be given to somebody else.
    """
    place = (tenant_id, connection_id)
    try:
        async with store.transaction(tenant_id) as connection:
            if not await note_in(connection, tenant_id, connection_id, noted):
                return MoveVerdict.REPEATED
            return await _move(connection, place, former, names)
    except asyncpg.UniqueViolationError as error:
        raise RetryLater("A conversation under the new name begins right now.") from error


async def _move(
    connection: Connection, place: tuple[UUID, UUID], former: Names, names: Names
) -> MoveVerdict:
    known = await _find(connection, place, [former])
    before = next((known[one] for one in former if one in known), None) or (
        await connection.fetchval(statement("names/known"), *place, list(former))
    )
    if before is None:
        return MoveVerdict.NOBODY
    # Who was known by another name all along is still written to by that one.
    after = names[0] if before in former else before
    if after != before:
        taken = await connection.fetchval(statement("names/known"), *place, [after])
        if taken is not None:
            return MoveVerdict.TAKEN
        person = person_id(TenantId(place[0]), ConnectionId(place[1]), after)
        await connection.execute(statement("names/rename"), *place, before, after, person)
        await connection.execute(statement("names/follow"), *place, before, after)
    await connection.execute(statement("names/forget"), *place, [*former, *names])
    await connection.execute(
        statement("names/learn"), *place, list(dict.fromkeys(names)), [after] * len(set(names))
    )
    return MoveVerdict.MOVED


async def _find(
    connection: Connection, place: tuple[UUID, UUID], people: Sequence[Names]
) -> dict[str, str]:
    asked = list(dict.fromkeys(name for names in people for name in names))
    rows = await connection.fetch(statement("names/find"), *place, asked)
    return {row["name"]: row["conversation_key"] for row in rows}


def _new(people: Sequence[Names], known: dict[str, str]) -> dict[str, str]:
    """Return the names that nobody knows yet, with what they stand for.

    Who comes twice, by different names, is one person all the same.
    """
    new: dict[str, str] = {}
    for names in people:
        key = _key(names, known | new)
        new |= {name: key for name in names if name not in known and name not in new}
    return new


def _key(names: Names, known: dict[str, str]) -> str:
    return next((known[one] for one in names if one in known), names[0])
