"""People in charge: commands that Konstruct obeys itself, a human's replies, feedback."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from konstruct_messages.inbound import Command, InboundMessage
from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_messages.turns import ConversationMode
from konstruct_store.errors import AgentHasConversation, NotFound
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry, entry_of
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of

_NOWHERE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Answering:
    """How commands are answered.

    `sentences` returns what is said by its code, in the person's language (BCP 47, may be empty);
    `sends` says that a vendor carries it.
    """

    sentences: Callable[[str], Mapping[NoticeCode, str]]
    sends: bool = False


async def obey(
    connection: Connection,
    tenant_id: UUID,
    conversation_id: UUID,
    item: InboundMessage,
    answering: Answering,
) -> tuple[LogEntry, ...]:
    """Do what the item's command asks, in the transaction that received it; return the log of it.

    The conversation is locked by the receipt; an audit of a hand-off is left to the caller, since
    it comes last in a transaction.
    """
    place = (tenant_id, conversation_id)
    await connection.fetchrow(statement("settle/lock_conversation"), *place)
    entries: list[LogEntry] = []
    code: NoticeCode | None
    match item.command:
        case Command.START_OVER:
            await connection.execute(statement("people/stop_open"), *place)
            row = await connection.fetchrow(statement("people/start_over"), *place, item.person.key)
            entries.append(entry_of(row))
            code = NoticeCode.STARTED_OVER
        case Command.STOP:
            code = await stop_all(connection, place, sends=answering.sends)
        case Command.HUMAN:
            row = await connection.fetchrow(
                statement("settle/set_mode"), *place, ConversationMode.HUMAN.value, item.person.key
            )
            entries.append(entry_of(row))
            code = NoticeCode.HUMAN
        case _:
            code = NoticeCode.HELP
    if code is not None:
        text = answering.sentences(item.person.language).get(code, "")
        payload = {"code": code.value, "text": text}
        kind = LogKind.NOTICE
        entries.append(
            await tell(connection, place, new_id(), kind, payload, sends=answering.sends)
        )
    return tuple(entries)


async def stop_all(
    connection: Connection, place: tuple[UUID, UUID], *, sends: bool
) -> NoticeCode | None:
    """Stop what is open and what waits; None when the end of the open turn will say so.

    The conversation is locked. A turn that ends without words says so in the log alone, which a
    vendor's people do not see.
    """
    stopped = count_of(await connection.execute(statement("people/stop_open"), *place))
    cancelled = await connection.fetchval(statement("people/cancel_pending"), *place)
    if stopped and not sends:
        return None
    return NoticeCode.STOPPED if stopped or cancelled else NoticeCode.NOTHING_TO_STOP


async def write_as_human(
    store: Store,
    tenant_id: UUID,
    conversation_id: UUID,
    *,
    client_id: str,
    name: str,
    text: str,
    actor: str,
    sends: Callable[[UUID], bool],
) -> tuple[LogEntry, bool]:
    """Let a human who has the conversation reply as `name`, once per `client_id`.

    Returns the entry and whether it is new; `actor` is kept with it and `sends` tells of a
    connection whether a vendor carries its replies. Raises NotFound, AgentHasConversation (take it
    over first) and RetryLater.
    """
    place = (tenant_id, conversation_id)
    async with store.transaction(tenant_id) as connection:
        present = await connection.fetchrow(statement("people/conversation"), *place)
        if present is None:
            raise NotFound("The tenant has no such conversation.")
        reply_id, key = new_id(), f"desk/{conversation_id}/{client_id}"
        known = (tenant_id, present["connection_id"])
        fresh = await connection.fetchval(statement("people/take_key"), *known, key, reply_id)
        if fresh is None:
            first = await connection.fetchval(
                statement("receive/first_of"), *known, [key], _NOWHERE
            )
            row = await connection.fetchrow(statement("people/told"), *place, str(first))
            if row is None:
                raise NotFound("It was said long ago.")
            return entry_of(row), False
        if present["mode"] != ConversationMode.HUMAN:
            raise AgentHasConversation("The agent has the conversation; take it over first.")
        payload = {
            "id": str(reply_id),
            "agent": name,
            "human": True,
            "actor": actor,
            "text": text,
            "parts": [{"part": 0, "text": text}],
        }
        entry = await tell(
            connection, place, reply_id, LogKind.REPLY, payload, sends=sends(known[1])
        )
    return entry, True


async def give_feedback(
    store: Store,
    tenant_id: UUID,
    conversation_id: UUID,
    turn_id: UUID,
    *,
    person_key: str,
    value: Literal["up", "down"],
) -> bool:
    """Keep what a person thinks of a turn's reply; the last value wins.

    False when nothing changed: the same value again, or no such answered turn. Raises RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        kept = await connection.fetchval(
            statement("people/give_feedback"),
            tenant_id,
            conversation_id,
            turn_id,
            person_key,
            value,
        )
    return kept is not None


async def tell(
    connection: Connection,
    place: tuple[UUID, UUID],
    entry_id: UUID,
    kind: LogKind,
    payload: Mapping[str, object],
    *,
    sends: bool,
) -> LogEntry:
    """Say what no turn said, under its own id, in a conversation that is locked.

    `place` is tenant and conversation; `payload` has the text. `sends`: a vendor carries it.
    """
    row = await connection.fetchrow(
        statement("people/tell"), *place, entry_id, kind.value, payload, payload["text"], sends
    )
    return entry_of(row)
