"""The transaction in which messages are received: one statement for all that go together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg

from konstruct_messages.identity import ConnectionId, TenantId, person_id
from konstruct_messages.inbound import Command, InboundMessage
from konstruct_messages.turns import ConversationMode
from konstruct_store import audit, people
from konstruct_store.errors import ConversationOfAnother, RetryLater, TenantIdErased
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import Answering
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

_NOWHERE = UUID(int=0)
_OF_ONE = (asyncpg.LockNotAvailableError, asyncpg.TransactionRollbackError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message. A duplicate carries the ids of the first.

    `seq` is 0 and `conversation_id` nil for a duplicate of something that was ignored.
    `silenced` says that a human has the conversation and nobody else will answer. `command` is what
    was obeyed, and `entries` what the log got by it.
    """

    item_id: UUID
    conversation_id: UUID
    seq: int
    duplicate: bool
    silenced: bool = False
    command: Command | None = None
    entries: tuple[LogEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """Messages of one connection for one agent; they are kept all or not at all."""

    connection_id: UUID
    agent_id: UUID
    items: Sequence[InboundMessage]
    agent_name: str
    gather_milliseconds: int = 0
    suspended: bool = False
    exclusive: bool = False
    answering: Answering | None = None

    def command_of(self, item: InboundMessage) -> Command | None:
        """Return the command that is obeyed; without answers commands are words."""
        return item.command if self.answering is not None else None

    def fits(self, other: "Request") -> bool:
        """Tell whether `other` may share this one's transaction.

        What a command does depends on what came before it and not on what comes after: it goes
        alone.
        """
        both = (*self.items, *other.items) if self.exclusive == other.exclusive else ()
        return bool(both) and all(item.command is None for item in both)


@dataclass(frozen=True, slots=True)
class _Numbered:
    request: Request
    item: InboundMessage
    item_id: UUID

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys(self.item.dedupe_keys))

    def row(self, number: int, tenant_id: UUID) -> dict[str, Any]:
        request, item = self.request, self.item
        connection_id, command = request.connection_id, request.command_of(item)
        person = person_id(TenantId(tenant_id), ConnectionId(connection_id), item.person.key)
        return {
            "n": number,
            "item_id": str(self.item_id),
            "connection_id": str(connection_id),
            "keys": self.keys,
            "new_id": str(new_id()),
            "conversation_key": item.conversation_key,
            "agent_id": str(request.agent_id),
            "agent_name": request.agent_name,
            "person_id": str(person),
            "person_key": item.person.key,
            "person_name": item.person.display_name,
            "language": item.person.language,
            "kind": item.kind.value,
            "payload": said(item),
            "gather": request.gather_milliseconds,
            "suspended": request.suspended,
            "command": command.value if command is not None else "",
        }


async def receive_together(
    store: Store, tenant_id: UUID, requests: Sequence[Request]
) -> list[list[Received] | Exception]:
    """Return the outcome of each request: what became of its messages, or why nothing was kept.

    Raises RetryLater when the database cannot do it now, for none of them.
    """
    try:
        return list(await _receive(store, tenant_id, requests))
    except Exception as error:
        of_one = not isinstance(error, RetryLater) or isinstance(error.__cause__, _OF_ONE)
        if len(requests) == 1 or not of_one:
            raise
    # Somebody's request cannot be kept: each on its own, so that it fails alone.
    return [await _alone(store, tenant_id, one) for one in requests]


async def _alone(store: Store, tenant_id: UUID, request: Request) -> list[Received] | Exception:
    try:
        [found] = await _receive(store, tenant_id, [request])
    except Exception as error:  # noqa: BLE001 - its caller gets it
        return error
    return found


async def _receive(
    store: Store, tenant_id: UUID, requests: Sequence[Request]
) -> list[list[Received]]:
    numbered = [_Numbered(one, item, new_id()) for one in requests for item in one.items]
    found: list[Received] = []
    async with store.transaction(tenant_id) as connection:
        for run in _runs(numbered):
            found += await _receive_run(connection, tenant_id, run)
        # The audit's head is locked last, when no other conversation will be.
        for one in found:
            if one.command is Command.HUMAN and not one.duplicate:
                await audit.append(
                    connection,
                    tenant_id,
                    actor="person",
                    action=f"ConversationMode{ConversationMode.HUMAN.value}",
                    subjects={"conversation": one.conversation_id},
                )
    rest = iter(found)
    return [[next(rest) for _ in request.items] for request in requests]


def _runs(numbered: list[_Numbered]) -> list[list[_Numbered]]:
    """Return what goes in one statement each: everything, or every message beside a command."""
    if all(one.request.command_of(one.item) is None for one in numbered):
        return [numbered]
    return [[one] for one in numbered]


async def _receive_run(
    connection: Connection, tenant_id: UUID, run: Sequence[_Numbered]
) -> list[Received]:
    kept = await connection.fetch(
        statement("receive/receive"),
        tenant_id,
        run[0].request.exclusive,
        [one.row(number, tenant_id) for number, one in enumerate(run)],
    )
    for row in kept:
        _require(row)
    return [
        await _received(connection, tenant_id, one, row) for one, row in zip(run, kept, strict=True)
    ]


def _require(row: asyncpg.Record) -> None:
    if not row["open"]:
        raise TenantIdErased("The tenant is being erased; nothing is received for it.")
    if row["refused"]:
        raise ConversationOfAnother("The conversation was begun by another person.")


async def _received(
    connection: Connection, tenant_id: UUID, one: _Numbered, row: asyncpg.Record
) -> Received:
    if not row["accepted"]:
        return await _first_of(connection, tenant_id, one, partly=row["partly"])
    received = Received(
        one.item_id, row["conversation_id"], row["seq"], duplicate=False, silenced=row["silenced"]
    )
    command, answering = one.request.command_of(one.item), one.request.answering
    if command is None or answering is None or received.silenced:
        return received
    entries = await people.obey(
        connection, tenant_id, received.conversation_id, one.item, answering
    )
    return replace(received, command=command, entries=entries)


async def _first_of(
    connection: Connection, tenant_id: UUID, one: _Numbered, *, partly: bool
) -> Received:
    place = (tenant_id, one.request.connection_id, one.keys, one.item_id)
    row: asyncpg.Record = await connection.fetchrow(statement("receive/first_of"), *place)
    if partly:
        await connection.execute(statement("receive/adopt_keys"), *place, row["item_id"])
    return Received(
        row["item_id"],
        row["conversation_id"] or _NOWHERE,
        row["seq"] or 0,
        duplicate=True,
        silenced=row["silenced"],
    )


def said(item: InboundMessage) -> dict[str, object]:
    """Return the payload of the Said entry that keeps `item`."""
    payload: dict[str, object] = {
        "id": item.client_id,
        "text": item.text,
        "personKey": item.person.key,
        "name": item.person.display_name,
        "attachments": [one.model_dump(mode="json") for one in item.attachments],
    }
    if item.chosen is not None:
        payload |= {"ask": str(item.chosen.ask_id), "choice": item.chosen.key}
    return payload
