"""The transaction in which messages are received: one statement for all that go together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg

from konstruct_messages.identity import ConnectionId, TenantId, person_id
from konstruct_messages.inbound import Attachment, Command, InboundMessage
from konstruct_messages.turns import ConversationMode
from konstruct_store import audit, media, people
from konstruct_store.errors import ConversationOfAnother, RetryLater, TenantIdErased
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import Answering
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

_NOWHERE = UUID(int=0)
_ERASED, _ANOTHER = "KN001", "KN002"  # raised by konstruct.receive_at_once
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
    uploads: bool = False

    def fits(self, other: "Request") -> bool:
        """Tell whether `other` may share this one's transaction.

        What a command does depends on what came before it and not on what comes after: it goes
        alone. So does what has files, which may be refused.
        """
        both = (*self.items, *other.items) if self.exclusive == other.exclusive else ()
        return bool(both) and all(item.command is None and not item.attachments for item in both)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """An item under its own id. `files` are a vendor's, under the ids they are known by here."""

    request: Request
    item: InboundMessage
    item_id: UUID
    files: tuple[tuple[UUID, Attachment], ...] = ()

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys(self.item.dedupe_keys))

    @property
    def command(self) -> Command | None:
        """What is obeyed; without answers commands are words."""
        return self.item.command if self.request.answering is not None else None

    def row(self, number: int, tenant_id: UUID) -> dict[str, Any]:
        request, item = self.request, self.item
        connection_id, command = request.connection_id, self.command
        person = person_id(TenantId(tenant_id), ConnectionId(connection_id), item.person.key)
        return {
            "n": number,
            "item_id": self.item_id,
            "connection_id": connection_id,
            "keys": self.keys,
            "new_id": new_id(),
            "conversation_key": item.conversation_key,
            "agent_id": request.agent_id,
            "agent_name": request.agent_name,
            "person_id": person,
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
    numbered = [_number(one, item) for one in requests for item in one.items]
    if any(one.command is not None or one.item.attachments for one in numbered):
        found = await _receive_each(store, tenant_id, numbered)
    else:
        found = await _receive_at_once(store, tenant_id, numbered)
    rest = iter(found)
    return [[next(rest) for _ in request.items] for request in requests]


async def _receive_at_once(
    store: Store, tenant_id: UUID, numbered: Sequence[_Numbered]
) -> list[Received]:
    """Receive in one round trip; a second transaction asks what copies are copies of.

    A crash between the two leaves keys of a copy that lead nowhere: still known, still a copy.
    """
    arguments = (tenant_id, numbered[0].request.exclusive, _rows(tenant_id, numbered))
    try:
        async with store.connection() as connection:
            kept = await connection.fetch(statement("receive/at_once"), *arguments)
    except asyncpg.PostgresError as error:
        if error.sqlstate == _ERASED:
            raise _erased() from error
        if error.sqlstate == _ANOTHER:
            raise _another() from error
        raise
    if all(row["accepted"] for row in kept):
        return [_new(one, row) for one, row in zip(numbered, kept, strict=True)]
    async with store.transaction(tenant_id) as connection:
        return [
            _new(one, row)
            if row["accepted"]
            else await _first_of(connection, tenant_id, one, partly=row["partly"])
            for one, row in zip(numbered, kept, strict=True)
        ]


async def _receive_each(
    store: Store, tenant_id: UUID, numbered: Sequence[_Numbered]
) -> list[Received]:
    """Receive one after the other, obeying each command and keeping files in their place."""
    found: list[Received] = []
    async with store.transaction(tenant_id) as connection:
        for one in numbered:
            [row] = await connection.fetch(
                statement("receive/receive"),
                *(tenant_id, one.request.exclusive, _rows(tenant_id, [one])),
            )
            if not row["open"]:
                raise _erased()
            if row["refused"]:
                raise _another()
            found.append(await _received(connection, tenant_id, one, row))
        # The audit's head is locked last, when no other conversation will be.
        for received in found:
            if received.command is Command.HUMAN and not received.duplicate:
                await audit.append(
                    connection,
                    tenant_id,
                    actor="person",
                    action=f"ConversationMode{ConversationMode.HUMAN.value}",
                    subjects={"conversation": received.conversation_id},
                )
    return found


def _number(request: Request, item: InboundMessage) -> _Numbered:
    """Give an item its id, and a vendor's files ids of ours: the log knows no others."""
    if request.uploads or not item.attachments:
        return _Numbered(request, item, new_id())
    files = tuple((new_id(), one) for one in item.attachments)
    ours = tuple(one.model_copy(update={"key": str(media_id)}) for media_id, one in files)
    return _Numbered(request, item.model_copy(update={"attachments": ours}), new_id(), files)


def _erased() -> TenantIdErased:
    return TenantIdErased("The tenant is being erased; nothing is received for it.")


def _another() -> ConversationOfAnother:
    return ConversationOfAnother("The conversation was begun by another person.")


def _rows(tenant_id: UUID, numbered: Sequence[_Numbered]) -> list[dict[str, Any]]:
    return [one.row(number, tenant_id) for number, one in enumerate(numbered)]


def _new(one: _Numbered, row: asyncpg.Record) -> Received:
    return Received(
        one.item_id, row["conversation_id"], row["seq"], duplicate=False, silenced=row["silenced"]
    )


async def _received(
    connection: Connection, tenant_id: UUID, one: _Numbered, row: asyncpg.Record
) -> Received:
    if not row["accepted"]:
        return await _first_of(connection, tenant_id, one, partly=row["partly"])
    received, command, answering = _new(one, row), one.command, one.request.answering
    if one.item.attachments:
        await _keep_files(connection, tenant_id, one, received)
    if command is None or answering is None or received.silenced:
        return received
    entries = await people.obey(
        connection, tenant_id, received.conversation_id, one.item, answering
    )
    return replace(received, command=command, entries=entries)


async def _keep_files(
    connection: Connection, tenant_id: UUID, one: _Numbered, received: Received
) -> None:
    place = (tenant_id, one.request.connection_id, one.item.person.key)
    where = (received.conversation_id, received.item_id)
    if one.request.uploads:
        await media.bind_uploads(connection, place, where, one.item.attachments)
    else:
        gather = one.request.gather_milliseconds
        await media.expect(connection, place, where, one.files, gather_milliseconds=gather)


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
