"""Files that agents make: their bytes into the object store, under the turn that makes them."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid5

from konstruct_gateway.errors import BadRequest, Unavailable
from konstruct_gateway.media.files import Files
from konstruct_media.errors import MediaAway
from konstruct_messages.inbound import Attachment
from konstruct_messages.names import safe_name
from konstruct_messages.replies import LARGEST_MADE, MADE_TYPES
from konstruct_store import made
from konstruct_store.errors import AttachmentRefused
from konstruct_store.made import Making
from konstruct_store.media import MediaState


@dataclass(frozen=True)
class Maker:
    """Keeps what agents make: the same file of the same step once, however often it comes."""

    files: Files

    async def make(
        self, tenant_id: UUID, turn: tuple[UUID, int, str], number: int, name: str, text: str
    ) -> Attachment:
        """Keep a file that step `number` of `turn` (id, attempt, token) makes; return it.

        Raises BadRequest for what no agent may make, Unavailable, TurnLost and RetryLater.
        """
        objects = self.files.objects
        if objects is None:
            raise BadRequest("This installation keeps no files.")
        making, data = _making(turn[0], number, name, text)
        try:
            state = await made.begin(self.files.store, tenant_id, turn, making)
        except AttachmentRefused as error:
            raise BadRequest(str(error)) from error
        if state is not MediaState.STORED:
            try:
                await objects.put(
                    tenant_id,
                    making.media_id,
                    _once(data),
                    most=LARGEST_MADE,
                    declared=making.size,
                    sha256=making.sha256,
                )
            except MediaAway as away:
                raise Unavailable("The file cannot be kept now.") from away
            await made.mark_whole(self.files.store, tenant_id, making)
        return Attachment(
            key=str(making.media_id),
            name=making.name,
            media_type=making.media_type,
            size_bytes=making.size,
        )


def _making(turn_id: UUID, number: int, name: str, text: str) -> tuple[Making, bytes]:
    plain = safe_name(name, fallback="")
    stem, _, extension = plain.rpartition(".")
    media_type = MADE_TYPES.get(extension.lower(), "")
    if not stem or not media_type:
        raise BadRequest(f"A file's name ends in one of {', '.join(MADE_TYPES)}.")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest("The text is no Unicode.") from error
    if not 0 < len(data) <= LARGEST_MADE or "\x00" in text:
        raise BadRequest(f"A file has between 1 and {LARGEST_MADE} bytes of text.")
    sha256 = hashlib.sha256(data).hexdigest()
    # Other contents are another file: an object is never replaced by different bytes.
    media_id = uuid5(turn_id, f"{number}\n{plain}\n{sha256}")
    return Making(media_id, plain, media_type, len(data), sha256), data


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
