"""Words that are no answer, said at most once in their place, in every channel alike."""

from uuid import UUID

from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_messages.turns import ConversationMode
from konstruct_store.errors import NotFound
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.people import tell
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

_RECENT = 50
_Place = tuple[UUID, UUID]


async def say_later(
    store: Store, tenant_id: UUID, conversation_id: UUID, *, after: int, text: str, sends: bool
) -> LogEntry | None:
    """Say that the answer to the message at `after` takes long; return what was said.

    None when the person has heard something since, was told so since the last answer, sees an
    answer in the making, or when a human has the conversation. `sends`: a vendor carries it.
    Raises NotFound and RetryLater.
    """
    place = (tenant_id, conversation_id)
    async with store.transaction(tenant_id) as connection:
        mode = await _lock(connection, place)
        lately = await connection.fetchrow(
            statement("notices/lately"), *place, _RECENT, NoticeCode.LATER.value, after
        )
        heard = max(lately["answered"], lately["noticed"]) > after
        said = lately["said"] > lately["answered"]
        if heard or said or lately["sending"] or mode is ConversationMode.HUMAN:
            return None
        return await _say(connection, place, NoticeCode.LATER, text, sends=sends)


async def say_suspended(
    store: Store, tenant_id: UUID, conversation_id: UUID, *, text: str, sends: bool
) -> LogEntry | None:
    """Say that nobody answers now, once until the next answer; return what was said, or None.

    Raises NotFound and RetryLater.
    """
    place = (tenant_id, conversation_id)
    async with store.transaction(tenant_id) as connection:
        mode = await _lock(connection, place)
        lately = await connection.fetchrow(
            statement("notices/lately"), *place, _RECENT, NoticeCode.SUSPENDED.value, 0
        )
        if lately["said"] > lately["answered"] or mode is ConversationMode.HUMAN:
            return None
        return await _say(connection, place, NoticeCode.SUSPENDED, text, sends=sends)


async def _lock(connection: Connection, place: _Place) -> ConversationMode:
    present = await connection.fetchrow(statement("people/conversation"), *place)
    if present is None:
        raise NotFound("The tenant has no such conversation.")
    return ConversationMode(present["mode"])


async def _say(
    connection: Connection, place: _Place, code: NoticeCode, text: str, *, sends: bool
) -> LogEntry:
    payload = {"code": code.value, "text": text}
    return await tell(connection, place, new_id(), LogKind.NOTICE, payload, sends=sends)
