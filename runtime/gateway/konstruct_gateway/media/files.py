"""From a file's bytes to what is known of it: looked at, kept, its words read."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from konstruct_gateway.errors import Unavailable, WrongType
from konstruct_media import texts
from konstruct_media.errors import MediaAway, MediaMissing, TooLarge
from konstruct_media.kinds import Kind, kind_of, type_of
from konstruct_media.objects import HEAD_BYTES, Kept, Objects
from konstruct_messages import links
from konstruct_messages.inbound import Attachment
from konstruct_store import media as stored
from konstruct_store.media import Released
from konstruct_store.store import Store


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Arriving:
    """A file on its way. What its sender says of it (type, size, checksum) is held against it.

    `most` is how many bytes are taken, `allowed` tells whether a type is.
    """

    name: str
    pieces: AsyncIterator[bytes]
    most: int
    declared_type: str = ""
    declared_size: int | None = None
    sha256: str = ""
    allowed: Callable[[str], bool] = lambda _type: True


@dataclass(frozen=True)
class Files:
    """Keeps files and makes links to them. Without `objects` this installation keeps none."""

    store: Store
    objects: Objects | None
    key: bytes = field(repr=False)
    now: Callable[[], datetime] = _now

    @property
    def kept(self) -> bool:
        """Whether there is a place for files."""
        return self.objects is not None

    def require(self) -> Objects:
        """Return the place for files. Raises Unavailable where there is none."""
        if self.objects is None:
            raise Unavailable("This installation keeps no files.")
        return self.objects

    def link(
        self, tenant_id: UUID, media_id: UUID, *, lifetime: timedelta = links.LINK_LIFETIME
    ) -> str:
        """Return an expiring link to a file, from the gateway's own origin."""
        return links.link(tenant_id, media_id, key=self.key, now=self.now(), lifetime=lifetime)

    def link_of(self, tenant_id: UUID) -> Callable[[str], str]:
        """Return what makes links to a tenant's files by their keys; empty for what is no key."""

        def linked(key: str) -> str:
            try:
                return self.link(tenant_id, UUID(key)) if self.kept else ""
            except ValueError:
                return ""

        return linked

    async def take_upload(
        self, tenant_id: UUID, connection_id: UUID, person_key: str, arriving: Arriving
    ) -> Attachment:
        """Keep a person's upload and return it, to be said in a message.

        Raises MediaRefused, WrongType, MediaAway, RetryLater, and whatever the pieces raise; then
        nothing of it is left.
        """
        self.require()
        media_id = await stored.begin_upload(
            self.store, tenant_id, connection_id, person_key=person_key, name=arriving.name
        )
        try:
            return (await self.keep(tenant_id, media_id, arriving, attempt=0))[0]
        except BaseException:
            await self.forget(tenant_id, [media_id])
            raise

    async def keep(
        self, tenant_id: UUID, media_id: UUID, arriving: Arriving, *, attempt: int
    ) -> tuple[Attachment, Released | None]:
        """Keep a file whose row there is; return it, and the conversation that waited for it.

        Raises as `take_upload`, and TurnLost when a later attempt has the file.
        """
        objects = self.require()
        if (arriving.declared_size or 0) > arriving.most:
            raise TooLarge(arriving.most)  # before a byte of it is read
        head, pieces = await _peek(arriving.pieces)
        media_type = type_of(head, declared=arriving.declared_type, name=arriving.name)
        if not arriving.allowed(media_type):
            raise WrongType("Files of this type are not taken here.")
        kept = await objects.put(
            tenant_id,
            media_id,
            pieces,
            most=arriving.most,
            declared=arriving.declared_size,
            sha256=arriving.sha256,
        )
        released = await stored.mark_stored(
            self.store,
            tenant_id,
            media_id,
            attempt=attempt,
            media_type=media_type,
            size=kept.size,
            sha256=kept.sha256,
            words=await self._words(tenant_id, media_id, media_type, kept),
        )
        attachment = Attachment(
            key=str(media_id), name=arriving.name, media_type=media_type, size_bytes=kept.size
        )
        return attachment, released

    async def forget(self, tenant_id: UUID, media_ids: list[UUID]) -> None:
        """Delete objects, then what is known of them."""
        if not media_ids:
            return
        if self.objects is not None:
            await self.objects.forget(tenant_id, media_ids)
        await stored.forget(self.store, tenant_id, media_ids)

    async def erase(self, tenant_id: UUID) -> None:
        """Delete every object of a tenant. Raises MediaAway."""
        if self.objects is not None:
            await self.objects.erase(tenant_id)

    async def _words(self, tenant_id: UUID, media_id: UUID, media_type: str, kept: Kept) -> str:
        if kind_of(media_type) is not Kind.DOCUMENT or kept.size > texts.MOST_BYTES:
            return ""
        try:
            data = await self.require().read(tenant_id, media_id, most=kept.size)
        except (MediaAway, MediaMissing):
            return ""  # a document without words is still a document
        return await texts.extract(data, media_type)


async def _peek(pieces: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the beginning of a file, and all of it."""
    head = b""
    held: list[bytes] = []
    async for piece in pieces:
        held.append(piece)
        head += piece[: HEAD_BYTES - len(head)]
        if len(head) >= HEAD_BYTES:
            break

    async def whole() -> AsyncIterator[bytes]:
        for piece in held:
            yield piece
        held.clear()
        async for piece in pieces:
            yield piece

    return head, whole()
