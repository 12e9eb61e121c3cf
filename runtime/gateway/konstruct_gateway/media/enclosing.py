"""A reply's files as vendors get them: the bytes, or a sentence with a link that expires."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from konstruct_channels.errors import ContentRefused, SendLater
from konstruct_channels.outbound import Outgoing, OutgoingFile
from konstruct_gateway.media.files import Files
from konstruct_gateway.sentences import Sentences
from konstruct_media.errors import MediaAway, MediaMissing, TooLarge
from konstruct_messages.replies import LARGEST_MADE
from konstruct_store import outbox
from konstruct_store.outbox import Delivery

LINK_LIFETIME = timedelta(days=1)
_AWAY_SECONDS = 10.0


@dataclass(frozen=True)
class Enclosing:
    """Puts a delivery's file into what a channel is given."""

    files: Files
    public_url: str
    sentences: Sentences

    def enclose(self, outgoing: Outgoing, delivery: Delivery, languages: Sequence[str]) -> Outgoing:
        """Return `outgoing` with the delivery's file, if it is one. Raises ContentRefused."""
        if delivery.media_id is None:
            return outgoing
        file = delivery.file
        if file is None or not self.files.kept:
            raise ContentRefused("the file is no longer kept")
        address = self.files.link(delivery.tenant_id, delivery.media_id, lifetime=LINK_LIFETIME)
        return replace(
            outgoing,
            text=self.sentences.file_link(file.name, f"{self.public_url}{address}", *languages),
            file=OutgoingFile(
                name=file.name,
                media_type=file.media_type,
                size_bytes=file.size,
                sha256=file.sha256,
                read=partial(self._read, delivery.tenant_id, delivery.media_id),
            ),
            noted=delivery.vendor_id or "",
            note=partial(outbox.note_vendor_id, self.files.store, delivery),
        )

    async def _read(self, tenant_id: UUID, media_id: UUID) -> bytes:
        try:
            return await self.files.require().read(tenant_id, media_id, most=LARGEST_MADE)
        except MediaAway as away:
            raise SendLater("the file cannot be read", after_seconds=_AWAY_SECONDS) from away
        except (MediaMissing, TooLarge) as gone:
            raise ContentRefused("the file is no longer kept") from gone
