"""Files that agents make: begun under their turn's fence, given to the person with its reply."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from konstruct_messages.inbound import Attachment
from konstruct_messages.replies import ReplyPart
from konstruct_store import media
from konstruct_store.errors import AttachmentRefused, TurnLost
from konstruct_store.journal import check_turn
from konstruct_store.media import MediaState
from konstruct_store.statements import statement
from konstruct_store.store import Connection, Store

MOST_FILES = 10
"""How many files one turn may make."""


@dataclass(frozen=True, slots=True)
class Making:
    """A file that a turn makes. `sha256` is in hexadecimal, `size` in bytes."""

    media_id: UUID
    name: str
    media_type: str
    size: int
    sha256: str


async def begin(
    store: Store, tenant_id: UUID, turn: tuple[UUID, int, str], making: Making
) -> MediaState:
    """Keep the row of a file before its bytes; return how far it is: the same one may come again.

    `turn`: id, attempt and token. Raises TurnLost, AttachmentRefused for one too many, RetryLater.
    """
    async with store.transaction(tenant_id) as connection:
        await check_turn(connection, tenant_id, *turn)
        rows = await connection.fetch(statement("media/made_by"), tenant_id, turn[0])
        known = {row["media_id"]: MediaState(row["state"]) for row in rows}
        if making.media_id in known:
            return known[making.media_id]
        if len(known) >= MOST_FILES:
            raise AttachmentRefused(f"A turn makes at most {MOST_FILES} files.")
        await connection.execute(
            statement("media/begin_made"),
            *(tenant_id, making.media_id, turn[0], making.name, making.media_type),
            *(making.size, making.sha256),
        )
    return MediaState.WAITING


async def mark_whole(store: Store, tenant_id: UUID, making: Making) -> None:
    """Record that the bytes are there; repeating it changes nothing. Raises RetryLater."""
    with suppress(TurnLost):
        await media.mark_stored(
            store,
            tenant_id,
            making.media_id,
            media_type=making.media_type,
            size=making.size,
            sha256=making.sha256,
        )


async def attach(
    connection: Connection, place: tuple[UUID, UUID, UUID], parts: Sequence[ReplyPart]
) -> list[ReplyPart]:
    """Give a reply's files to its conversation; return the parts with what is known of each.

    `place`: tenant, turn and conversation, whose rows are locked. Nothing is taken from the agent's
    word but the keys. Raises AttachmentRefused unless the turn made each of them, and it is whole.
    """
    try:
        keys = [UUID(one.key) for part in parts for one in part.attachments]
    except ValueError as error:
        raise AttachmentRefused("An attachment is no file of this turn.") from error
    if not keys:
        return list(parts)
    rows = await connection.fetch(statement("media/give"), *place, keys)
    known = {
        str(row["media_id"]): Attachment(
            key=str(row["media_id"]),
            name=row["name"],
            media_type=row["media_type"],
            size_bytes=row["size"],
        )
        for row in rows
    }
    if len(known) < len(keys):
        raise AttachmentRefused("An attachment is no file of this turn, or comes twice.")
    return [
        part.model_copy(
            update={"attachments": tuple(known[str(UUID(one.key))] for one in part.attachments)}
        )
        for part in parts
    ]
