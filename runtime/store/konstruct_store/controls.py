"""What comes from a channel and is no message: a Stop button, a tab that was opened, a click."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct_messages.inbound import Ignored
from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_store import people
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import Answering
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store


@dataclass(frozen=True, slots=True)
class StopMade:
    """What became of a Stop. `conversation_id` is None where there is no such conversation."""

    conversation_id: UUID | None = None
    entries: tuple[LogEntry, ...] = ()


async def note(store: Store, tenant_id: UUID, connection_id: UUID, ignored: Ignored) -> bool:
    """Record a delivery that is no message; False when it is a repetition. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        return await note_in(connection, tenant_id, connection_id, ignored)


async def note_in(
    connection: Connection, tenant_id: UUID, connection_id: UUID, ignored: Ignored
) -> bool:
    """Record it as `note` does, in a transaction that goes on."""
    item = await connection.fetchval(
        statement("controls/note"),
        *(tenant_id, connection_id, list(dict.fromkeys(ignored.dedupe_keys))),
        *(new_id(), ignored.reason, ignored.known),
    )
    return item is not None


async def stop(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    conversation_keys: Sequence[str],
    *,
    noted: Ignored,
    answering: Answering,
) -> StopMade:
    """Stop the turn that is open in one of the conversations, and what waits there, once.

    Which is what the command does, but for a person who presses when all is done: nothing is said
    then. A repetition of `noted` changes nothing. Raises RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        if not await note_in(connection, tenant_id, connection_id, noted):
            return StopMade()
        found = await connection.fetchrow(
            statement("controls/stoppable"), tenant_id, connection_id, list(conversation_keys)
        )
        if found is None:
            return StopMade()
        place = (tenant_id, found["conversation_id"])
        await connection.fetchrow(statement("settle/lock_conversation"), *place)
        code = await people.stop_all(connection, place, sends=answering.sends)
        if code is not NoticeCode.STOPPED:
            return StopMade(place[1])
        payload = {"code": code.value, "text": answering.sentences(found["language"])[code]}
        entry = await people.tell(
            connection, place, new_id(), LogKind.NOTICE, payload, sends=answering.sends
        )
        return StopMade(place[1], (entry,))
