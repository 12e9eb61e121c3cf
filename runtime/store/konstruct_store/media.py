"""People's files: uploads and what is fetched from vendors. The bytes are in the object store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from konstruct_messages.inbound import Attachment
from konstruct_store.errors import AttachmentRefused, TurnLost
from konstruct_store.identifiers import new_id
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store, count_of, enter

MEDIA_SECONDS = 60.0
"""How long a turn waits for its files; then they could not be fetched."""

UNSAID_HOURS = 24
"""After this long an upload that nobody sent is forgotten."""

_FORGOTTEN_AT_ONCE = 200


class MediaState(StrEnum):
    """Where a file is. Failed: its bytes never came, and `reason` says why."""

    WAITING = "Waiting"
    STORED = "Stored"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Media:
    """What is known of a file. `sha256` is in hexadecimal, `words` what a document says."""

    media_id: UUID
    name: str
    media_type: str
    size: int | None
    sha256: str
    state: MediaState
    reason: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One file to be fetched from its vendor, for `left_seconds` at most."""

    tenant_id: UUID
    media_id: UUID
    connection_id: UUID
    vendor_key: str
    name: str
    media_type: str
    size: int | None
    attempt: int
    left_seconds: float


@dataclass(frozen=True, slots=True)
class Released:
    """A conversation whose turn may be due now, after its last file came or failed."""

    conversation_id: UUID
    due: bool


async def begin_upload(
    store: Store, tenant_id: UUID, connection_id: UUID, *, person_key: str, name: str
) -> UUID:
    """Return the id of an upload that begins. Raises RetryLater."""
    media_id = new_id()
    async with store.transaction(tenant_id) as connection:
        await connection.execute(
            statement("media/begin_upload"), tenant_id, media_id, connection_id, person_key, name
        )
    return media_id


async def mark_stored(
    store: Store,
    tenant_id: UUID,
    media_id: UUID,
    *,
    attempt: int = 0,
    media_type: str,
    size: int,
    sha256: str,
    words: str = "",
    name: str = "",
) -> Released | None:
    """Record that the bytes are there; return the conversation that waited for them, if one did.

    Raises TurnLost when a later attempt has it.
    """
    arguments = (attempt, media_type, size, sha256, words.replace("\x00", ""), name)
    return await _settle(store, "media/stored", (tenant_id, media_id), arguments)


async def mark_failed(
    store: Store, tenant_id: UUID, media_id: UUID, *, attempt: int, reason: str
) -> Released | None:
    """Record that the bytes will not come; as `mark_stored`."""
    return await _settle(store, "media/failed", (tenant_id, media_id), (attempt, reason))


async def try_again(store: Store, fetch: Fetch, *, after_seconds: float) -> None:
    """Let a file be fetched again after a while."""
    async with store.connection() as connection:
        await connection.execute(
            statement("media/again"), fetch.tenant_id, fetch.media_id, float(after_seconds)
        )


async def claim_fetches(
    store: Store, *, lease_seconds: float = 30, limit: int = 16, per_tenant: int = 4
) -> list[Fetch]:
    """Claim files that are due to be fetched; a lease that ran out is claimed again."""
    found: list[Fetch] = []
    async with store.untenanted() as connection:
        rows = await connection.fetch(
            statement("media/lock_due"), float(lease_seconds), limit, per_tenant
        )
        by_tenant: dict[UUID, dict[UUID, float]] = defaultdict(dict)
        for row in rows:
            by_tenant[row["tenant_id"]][row["media_id"]] = row["left_seconds"]
        for tenant_id, left in by_tenant.items():
            await enter(connection, tenant_id)
            taken = await connection.fetch(statement("media/take"), tenant_id, list(left))
            found += [_fetch(tenant_id, row, left) for row in taken]
            idle = set(left) - {row["media_id"] for row in taken}
            if idle:
                await connection.execute(statement("media/forget_due"), tenant_id, list(idle))
    return found


async def find_uploads(
    store: Store,
    tenant_id: UUID,
    connection_id: UUID,
    *,
    person_key: str,
    media_ids: Sequence[UUID],
) -> list[Attachment]:
    """Return a person's uploads as attachments, in the order of `media_ids`.

    Raises AttachmentRefused unless all of them are whole, and this person's over this connection.
    """
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("media/uploads"), tenant_id, connection_id, person_key, list(media_ids)
        )
    known = {row["media_id"]: row for row in rows}
    if len(set(media_ids)) < len(media_ids) or not set(media_ids) <= set(known):
        raise AttachmentRefused("An attachment is no upload of this person.")
    return [
        Attachment(
            key=str(one),
            name=known[one]["name"],
            media_type=known[one]["media_type"],
            size_bytes=known[one]["size"],
        )
        for one in media_ids
    ]


async def find_media(store: Store, tenant_id: UUID, media_id: UUID) -> Media | None:
    """Return what is known of a file, without its words; None if there is none."""
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(statement("media/read"), tenant_id, media_id)
    return _media(row) if row is not None else None


async def said_in(
    store: Store, tenant_id: UUID, conversation_id: UUID, media_ids: Sequence[UUID]
) -> dict[UUID, Media]:
    """Return those of the files that were said in this conversation, with their words."""
    async with store.transaction(tenant_id) as connection:
        rows = await connection.fetch(
            statement("media/said"), tenant_id, conversation_id, list(media_ids)
        )
    return {row["media_id"]: _media(row) for row in rows}


async def bind_uploads(
    connection: Connection,
    place: tuple[UUID, UUID, str],
    where: tuple[UUID, UUID],
    attachments: Sequence[Attachment],
) -> None:
    """Say uploads, in the transaction that receives their message.

    `place`: tenant, connection and the person's key; `where`: conversation and item. Raises
    AttachmentRefused when one was said before.
    """
    ids = [UUID(one.key) for one in attachments]
    bound = await connection.fetch(statement("media/bind"), *place, ids, *where)
    if len(bound) < len(ids):
        raise AttachmentRefused("An attachment was sent already.")


async def expect(
    connection: Connection,
    place: tuple[UUID, UUID, str],
    where: tuple[UUID, UUID],
    files: Sequence[tuple[UUID, Attachment]],
    *,
    gather_milliseconds: int,
) -> None:
    """Expect a vendor's files under new ids; `place` and `where` as `bind_uploads`."""
    rows = [
        {
            "media_id": str(media_id),
            "vendor_key": one.key,
            "name": one.name,
            "media_type": one.media_type,
            "size": one.size_bytes,
        }
        for media_id, one in files
    ]
    await connection.execute(
        statement("media/expect"), *place, *where, rows, MEDIA_SECONDS, gather_milliseconds
    )


async def to_forget(store: Store, tenant_id: UUID, *, days: int) -> list[UUID]:
    """Return some files whose time is over: delete their objects, then call `forget`.

    `days` is how long the tenant's conversations are kept.
    """
    async with store.transaction(tenant_id) as connection:
        unsaid = await connection.fetch(
            statement("media/unsaid"), tenant_id, float(UNSAID_HOURS), _FORGOTTEN_AT_ONCE
        )
        old = await connection.fetch(
            statement("media/old"), tenant_id, float(days), _FORGOTTEN_AT_ONCE
        )
    return [row["media_id"] for row in (*unsaid, *old)]


async def forget(store: Store, tenant_id: UUID, media_ids: Sequence[UUID]) -> int:
    """Forget files whose objects are gone; return how many rows there were."""
    async with store.transaction(tenant_id) as connection:
        # Deleting takes a role of its own.
        await connection.execute("SET LOCAL ROLE konstruct_eraser")
        return count_of(
            await connection.execute(statement("media/forget"), tenant_id, list(media_ids))
        )


async def _settle(
    store: Store, name: str, key: tuple[UUID, UUID], arguments: tuple[Any, ...]
) -> Released | None:
    tenant_id, media_id = key
    async with store.transaction(tenant_id) as connection:
        row = await connection.fetchrow(statement(name), *key, *arguments)
        if row is None:
            raise TurnLost("A later attempt has the file, or it is settled.")
        await connection.execute(statement("media/forget_due"), tenant_id, [media_id])
        conversation_id, item_id = row["conversation_id"], row["item_id"]
        if conversation_id is None:
            return None
        # Locked before it is looked at who else is waited for: the last one sees all the others.
        await connection.fetchrow(statement("settle/lock_conversation"), tenant_id, conversation_id)
        due = await connection.fetchval(
            statement("media/release"), tenant_id, conversation_id, item_id
        )
    return Released(conversation_id, due=bool(due))


def _fetch(tenant_id: UUID, row: asyncpg.Record, left: Mapping[UUID, float]) -> Fetch:
    return Fetch(tenant_id=tenant_id, left_seconds=left[row["media_id"]], **dict(row))


def _media(row: asyncpg.Record) -> Media:
    return Media(**{**dict(row), "state": MediaState(row["state"])})
