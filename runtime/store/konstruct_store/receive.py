"""Receive: a message becomes durable, once, in the order of its conversation."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct_messages.inbound import Ignored, InboundMessage
from konstruct_messages.turns import ConversationMode
from konstruct_store.identifiers import new_id
from konstruct_store.people import Answering
from konstruct_store.receiving import Received, Request, receive_together
from konstruct_store.statements import statement
from konstruct_store.store import Store, count_of

__all__ = ["Conversation", "Received", "find_conversation", "ignore", "prune_keys", "receive"]

DEDUPE_DAYS = 30
"""How long keys are kept: longer than any vendor repeats (WhatsApp: 7 days)."""


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
    uploads: bool = False,
) -> list[Received]:
    """Make `items` durable in one transaction and return what became of each, in their order.

    Calls that come while a transaction of the same tenant is under way share the next one, in their
    order; one that is refused does not touch its neighbours. `exclusive`: only the person who began
    a conversation may write into it. Commands are obeyed in the same transaction and answered from
    `answering`; without it they are words. Attachments are a vendor's files, still to be fetched;
    with `uploads` they are files from `media.find_uploads`, each said once. Raises
    ConversationOfAnother, AttachmentRefused, TenantIdErased (the tenant is gone) or RetryLater;
    then nothing was kept.
    """
    if not items:
        return []
    request = Request(
        connection_id=connection_id,
        agent_id=agent_id,
        items=items,
        agent_name=agent_name,
        gather_milliseconds=gather_milliseconds,
        suspended=suspended,
        exclusive=exclusive,
        answering=answering,
        uploads=uploads,
    )
    found: list[Received] = await store.lanes.go(
        ("receive", tenant_id),
        request,
        functools.partial(receive_together, store, tenant_id),
        Request.fits,
    )
    return found


async def ignore(store: Store, tenant_id: UUID, connection_id: UUID, ignored: Ignored) -> None:
    """Record that a genuine delivery needs no answer; a repetition records nothing.

    What comes while a transaction of the same tenant is under way shares the next one.
    """
    request = {
        "item_id": str(new_id()),
        "connection_id": str(connection_id),
        "keys": list(dict.fromkeys(ignored.dedupe_keys)),
        "reason": ignored.reason,
        "known": ignored.known,
    }
    await store.lanes.go(
        ("ignore", tenant_id),
        request,
        functools.partial(_ignore_together, store, tenant_id),
        lambda _first, _other: True,
    )


async def _ignore_together(
    store: Store, tenant_id: UUID, requests: Sequence[dict[str, object]]
) -> list[None]:
    rows = [{"n": number, **one} for number, one in enumerate(requests)]
    async with store.transaction(tenant_id) as connection:
        await connection.execute(statement("receive/ignore"), tenant_id, rows)
    return [None] * len(requests)


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
