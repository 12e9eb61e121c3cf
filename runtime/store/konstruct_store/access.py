"""Who may write: what is known of people, what waits until it is known, and whom it was told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from konstruct_messages.identity import ConnectionId, TenantId, person_id
from konstruct_messages.inbound import Ignored, InboundMessage
from konstruct_messages.replies import LogKind, NoticeCode
from konstruct_store import people
from konstruct_store.controls import note_in
from konstruct_store.errors import TenantIdErased
from konstruct_store.identifiers import new_id
from konstruct_store.log import LogEntry
from konstruct_store.statements import statement
from konstruct_store.store import Store, count_of

STANDING_SECONDS = 6 * 3600.0
"""How long what a vendor said of a person is believed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a person: empty where it was never asked, or long ago.

    `waits`: something is held in the conversation, and what comes later must wait behind it.
    """

    standing: str
    language: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits; `payload` is what `hold` was given."""

    held_id: UUID
    connection_id: UUID
    person_key: str
    payload: Mapping[str, Any]
    held_at: datetime


async def known(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    *,
    person_key: str,
    conversation_key: str,
    seconds: float = STANDING_SECONDS,
) -> Known:
    """Return what is known of a person, not older than `seconds`. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("access/standing"),
            *(tenant_id, connection_id, person_key, conversation_key, seconds),
        )
    return Known(row["standing"] or "", row["language"] or "", row["waits"])


async def forget(store: Store, tenant_id: UUID, *, days: int) -> int:
    """Forget what is older than conversations may be; return how many rows. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        # Deleting takes a role of its own.
        await connection.execute("SET LOCAL ROLE konstruct_eraser")
        done = [
            await connection.execute(statement(f"access/forget_{table}"), tenant_id, days)
            for table in ("standings", "refusals")
        ]
    return sum(map(count_of, done))


async def learn(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    *,
    person_key: str,
    standing: str,
    language: str = "",
) -> None:
    """Keep what a vendor said of a person. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        await connection.execute(
            statement("access/learn"), tenant_id, connection_id, person_key, standing, language
        )


async def hold(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    message: InboundMessage,
    payload: Mapping[str, Any],
) -> bool:
    """Let a message wait, once; False when it waits already.

    Raises TenantIdErased or RetryLater; then nothing was kept.
    """
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(
            statement("access/hold"),
            *(tenant_id, connection_id, new_id(), message.dedupe_keys[-1]),
            *(message.conversation_key, message.person.key, payload),
        )
    if not row["open"]:
        raise TenantIdErased("The tenant is being erased; nothing is received for it.")
    return cast("bool", row["fresh"])


async def held(store: Store, tenant_id: UUID, *, limit: int = 200) -> list[Held]:
    """Return what waits, the oldest first. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(statement("access/held"), tenant_id, limit)
    return [Held(**dict(row)) for row in rows]


async def release(store: Store, tenant_id: UUID, held_id: UUID) -> None:
    """Forget a message that waited: it was received or refused. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        await connection.execute(statement("access/release"), tenant_id, held_id)


async def joined(store: Store, tenant_id: UUID, connection_id: UUID, conversation_key: str) -> bool:
    """Tell whether the agent is part of a conversation already. Raises RetryLater."""
    async with store.transaction(tenant_id) as connection:
        return cast(
            "bool",
            await connection.fetchval(
                statement("access/joined"), tenant_id, connection_id, conversation_key
            ),
        )


async def refuse(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    message: InboundMessage,
    noted: Ignored,
    *,
    agent: tuple[UUID, str],
    text: str,
    sends: bool,
) -> tuple[UUID, LogEntry] | None:
    """Record that a message is refused; its writer is told the first time, and never again.

    `agent` is id and name; an empty `text` tells nobody. Returns conversation and entry of what was
    said. Raises TenantIdErased or RetryLater; then nothing was kept.
    """
    async with store.transaction(tenant_id) as connection:
        fresh = await note_in(connection, tenant_id, connection_id, noted)
        ids = (tenant_id, connection_id, message.person.key)
        told = await connection.fetchval(statement("access/told"), *ids)
        if not fresh or not text or told:
            return None
        person = person_id(TenantId(tenant_id), ConnectionId(connection_id), message.person.key)
        conversation_id = await connection.fetchval(
            statement("access/conversation"),
            *(tenant_id, connection_id, new_id(), message.conversation_key, *agent),
            *(person, message.person.key, message.person.display_name, message.person.language),
        )
        if conversation_id is None:
            raise TenantIdErased("The tenant is being erased; nothing is received for it.")
        first = await connection.fetchval(
            statement("access/refuse"), *ids, conversation_id, noted.reason
        )
        if first is None:
            return None
        place = (tenant_id, conversation_id)
        await connection.fetchrow(statement("settle/lock_conversation"), *place)
        payload = {"code": NoticeCode.REFUSED.value, "text": text}
        entry = await people.tell(connection, place, new_id(), LogKind.NOTICE, payload, sends=sends)
    return conversation_id, entry
