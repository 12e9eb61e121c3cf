"""Receive: a message becomes durable, once, in the order of its conversation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from konstruct_messages.identity import ConnectionId, TenantId, person_id
from konstruct_messages.inbound import Command, Ignored, InboundMessage
from konstruct_messages.turns import ConversationMode
from konstruct_store import audit, people
from konstruct_store.errors import ConversationOfAnother, TenantIdErased
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import Answering
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of

DEDUPE_DAYS = 30
"""How long keys are kept: longer than any vendor repeats (WhatsApp: 7 days)."""

_NOWHERE = UUID(int=0)


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
class Conversation:
    """A conversation as its channel knows it; it belongs to the person who began it."""

    conversation_id: UUID
    connection_id: UUID
    person_key: str
    agent_id: UUID
    mode: ConversationMode
    last_seq: int


async def receive(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    agent_id: UUID,
    items: Sequence[InboundMessage],
    *,
    agent_name: str,
    gather_milliseconds: int = 0,
    suspended: bool = False,
    exclusive: bool = False,
    answering: Answering | None = None,
) -> list[Received]:
    """Make `items` durable in one transaction and return what became of each, in their order.

    Conversations are locked in sorted order, so that batches cannot wait for each other in a
    circle. `exclusive`: only the person who began a conversation may write into it. Commands are
    obeyed in the same transaction and answered from `answering`; without it they are words. Raises
    ConversationOfAnother, TenantIdErased (the tenant is gone) or RetryLater; then nothing was kept.
    """
    order = sorted(range(len(items)), key=lambda i: (items[i].conversation_key, i))
    found: dict[int, Received] = {}
    async with store.transaction(tenant_id) as connection:
        for index in order:
            found[index] = await _receive_one(
                connection,
                (tenant_id, connection_id, agent_id),
                items[index],
                agent_name=agent_name,
                gather_milliseconds=gather_milliseconds,
                suspended=suspended,
                exclusive=exclusive,
                answering=answering,
            )
        # The audit's head is locked last, when no other conversation will be.
        for one in found.values():
            if one.command is Command.HUMAN and not one.duplicate:
                await audit.append(
                    connection,
                    tenant_id,
                    actor="person",
                    action=f"ConversationMode{ConversationMode.HUMAN.value}",
                    subjects={"conversation": one.conversation_id},
                )
    return [found[index] for index in range(len(items))]


async def _receive_one(
    connection: Connection,
    place: tuple[UUID, UUID, UUID],
    item: InboundMessage,
    *,
    agent_name: str,
    gather_milliseconds: int,
    suspended: bool,
    exclusive: bool,
    answering: Answering | None,
) -> Received:
    tenant_id, connection_id, agent_id = place
    keys = list(dict.fromkeys(item.dedupe_keys))
    item_id = new_id()
    command = item.command if answering is not None else None
    person = person_id(TenantId(tenant_id), ConnectionId(connection_id), item.person.key)
    row = await connection.fetchrow(
        statement("receive/receive"),
        *(tenant_id, connection_id, keys, item_id, new_id(), item.conversation_key),
        *(agent_id, agent_name, person, item.person.key, item.person.display_name),
        *(item.person.language, exclusive, item.kind.value, said(item)),
        *(gather_milliseconds, suspended, command.value if command is not None else ""),
    )
    if not row["open"]:
        raise TenantIdErased("The tenant is being erased; nothing is received for it.")
    if not row["accepted"]:
        return await _first_of(connection, place, keys, item_id, partly=row["partly"])
    if row["conversation_id"] is None:
        raise ConversationOfAnother("The conversation was begun by another person.")
    received = Received(
        item_id, row["conversation_id"], row["seq"], duplicate=False, silenced=row["silenced"]
    )
    if command is None or answering is None or received.silenced:
        return received
    entries = await people.obey(connection, tenant_id, received.conversation_id, item, answering)
    return replace(received, command=command, entries=entries)


async def _first_of(
    connection: Connection,
    place: tuple[UUID, UUID, UUID],
    keys: list[str],
    item_id: UUID,
    *,
    partly: bool,
) -> Received:
    tenant_id, connection_id, _ = place
    row: asyncpg.Record = await connection.fetchrow(
        statement("receive/first_of"), tenant_id, connection_id, keys, item_id
    )
    if partly:
        await connection.execute(
            statement("receive/adopt_keys"),
            *(tenant_id, connection_id, keys, item_id, row["item_id"]),
        )
    return Received(
        row["item_id"],
        row["conversation_id"] or _NOWHERE,
        row["seq"] or 0,
        duplicate=True,
        silenced=row["silenced"],
    )


async def ignore(store: Store, tenant_id: UUID, connection_id: UUID, ignored: Ignored) -> None:
    """Record that a genuine delivery needs no answer; a repetition records nothing."""
    async with store.transaction(tenant_id) as connection:
        await connection.execute(
            statement("receive/ignore"),
            *(tenant_id, connection_id, list(dict.fromkeys(ignored.dedupe_keys))),
            *(new_id(), ignored.reason, ignored.known),
        )


async def find_conversation(
    store: Store, tenant_id: UUID, connection_id: UUID, conversation_key: str
) -> Conversation | None:
    """Return the conversation a channel calls `conversation_key`, or None."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("receive/find_conversation"), tenant_id, connection_id, conversation_key
        )
    if row is None:
        return None
    return Conversation(**{**dict(row), "mode": ConversationMode(row["mode"])})


async def prune_keys(store: Store, tenant_id: UUID, *, days: int = DEDUPE_DAYS) -> int:
    """Forget dedupe keys older than `days`; return how many."""
    async with store.transaction(tenant_id) as connection:
        return count_of(
            await connection.execute(statement("receive/prune_keys"), tenant_id, float(days))
        )


def said(item: InboundMessage) -> dict[str, object]:
    """Return the payload of the Said entry that keeps `item`."""
    return {
        "id": item.client_id,
        "text": item.text,
        "personKey": item.person.key,
        "name": item.person.display_name,
        "attachments": [one.model_dump(mode="json") for one in item.attachments],
    }
