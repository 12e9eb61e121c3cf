"""The one door to the object store: an S3-compatible bucket, or a folder.

An object is written once, in pieces, and never as a whole in memory. Its key is its tenant and its
id: nobody outside chooses a name in the store.
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store
from pydantic import BaseModel, ConfigDict, SecretStr

from konstruct_media.errors import (
    AddressInvalid,
    ChecksumWrong,
    LengthWrong,
    MediaAway,
    MediaMissing,
    MediaRefused,
    TooLarge,
)

HEAD_BYTES = 4096
"""How much of a file's beginning is given back: enough to tell what it is."""

# S3 takes no smaller pieces but the last, and 10,000 of them.
_PIECE_BYTES = 5 * 1024 * 1024
_PIECES_AT_ONCE = 2
_READ_BYTES = 256 * 1024
_LISTED = 500
_LEAVE_SECONDS = 0.05


class ObjectAddress(BaseModel):
    """Where the objects are.

    `url` is `s3://bucket/prefix` or `file:///folder`; `endpoint_url` is an S3-compatible server's,
    empty for Amazon's own. Without keys, the environment's usual credentials are used.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    endpoint_url: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: SecretStr = SecretStr("")


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that was written: its size in bytes, SHA-256 in hexadecimal, and its beginning."""

    size: int
    sha256: str
    head: bytes


class Objects:
    """The store's objects, by tenant and id. Every operation raises MediaAway when it is away."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(
        self,
        tenant_id: UUID,
        media_id: UUID,
        pieces: AsyncIterator[bytes],
        *,
        most: int,
        declared: int | None = None,
        sha256: str = "",
    ) -> Kept:
        """Write an object from `pieces` and return what was written; an older one is replaced.

        `declared` bytes and `sha256` (hexadecimal, any case) are what the sender says, if it does.
        Raises TooLarge (before anything is read where it was declared so), LengthWrong or
        ChecksumWrong, and whatever `pieces` raises; then nothing is kept.
        """
        if declared is not None and declared > most:
            raise TooLarge(most)
        counted = _Counted(pieces, most=most, declared=declared, sha256=sha256)
        key = _key(tenant_id, media_id)
        try:
            await obstore.put_async(
                self._store,
                key,
                counted.run(),
                use_multipart=True,
                chunk_size=_PIECE_BYTES,
                max_concurrency=_PIECES_AT_ONCE,
            )
        except (BaseError, OSError) as error:
            if counted.failure is not None:
                raise counted.failure from error
            raise MediaAway(f"The object cannot be written: {type(error).__name__}.") from error
        return counted.kept()

    async def stream(self, tenant_id: UUID, media_id: UUID) -> AsyncIterator[bytes]:
        """Return the object's bytes, in pieces of some 256 KiB. Raises MediaMissing at once."""
        try:
            found = await obstore.get_async(self._store, _key(tenant_id, media_id))
        except FileNotFoundError as error:
            raise MediaMissing("There is no such object.") from error
        except (BaseError, OSError) as error:
            raise MediaAway(f"The object cannot be read: {type(error).__name__}.") from error
        return _pieces(found.stream(min_chunk_size=_READ_BYTES))

    async def read(self, tenant_id: UUID, media_id: UUID, *, most: int) -> bytes:
        """Return the whole object. Raises MediaMissing, and TooLarge for more than `most` bytes."""
        found = bytearray()
        async for piece in await self.stream(tenant_id, media_id):
            found += piece
            if len(found) > most:
                raise TooLarge(most)
        return bytes(found)

    async def forget(self, tenant_id: UUID, media_ids: Iterable[UUID]) -> None:
        """Delete objects; what is not there is none."""
        for media_id in media_ids:
            await self._delete(_key(tenant_id, media_id))

    async def erase(self, tenant_id: UUID) -> int:
        """Delete every object of a tenant, whatever rows say; return how many there were."""
        erased = 0
        try:
            async for page in obstore.list(self._store, _folder(tenant_id), chunk_size=_LISTED):
                for one in page:
                    await self._delete(one["path"])
                    erased += 1
        except (BaseError, OSError) as error:
            raise MediaAway(f"Objects cannot be listed: {type(error).__name__}.") from error
        return erased

    async def _delete(self, key: str) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(self._store, key)
        except (BaseError, OSError) as error:
            raise MediaAway(f"The object cannot be deleted: {type(error).__name__}.") from error


@asynccontextmanager
async def open_objects(address: ObjectAddress) -> AsyncIterator[Objects]:
    """Yield the objects at `address`; a folder is made. Raises AddressInvalid."""
    yield Objects(_open(address))
    # The library's threads drop their Python objects a moment after the last answer; an
    # interpreter that ends in that moment aborts.
    await asyncio.sleep(_LEAVE_SECONDS)


def _open(address: ObjectAddress) -> ObjectStore:
    parts = urlsplit(address.url)
    if parts.scheme == "file" and parts.path and not parts.netloc:
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    if parts.scheme != "s3" or not parts.netloc:
        raise AddressInvalid("The object store's address is s3://bucket/prefix or file:///folder.")
    options: dict[str, str] = {"region": address.region}
    if address.endpoint_url:
        options["endpoint"] = address.endpoint_url
    if address.access_key_id:
        options["access_key_id"] = address.access_key_id
        options["secret_access_key"] = address.secret_access_key.get_secret_value()
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=options,  # type: ignore[arg-type]
        client_options={
            "allow_http": urlsplit(address.endpoint_url).scheme == "http",
            "connect_timeout": "5s",
            "timeout": "120s",
        },
        retry_config=None,
        virtual_hosted_style_request=False,
    )


def _folder(tenant_id: UUID) -> str:
    return f"tenants/{tenant_id}"


def _key(tenant_id: UUID, media_id: UUID) -> str:
    return f"{_folder(tenant_id)}/media/{media_id}"


class _Counted:
    """Pieces on their way into the store: counted, hashed, and held against what was said."""

    def __init__(
        self, pieces: AsyncIterator[bytes], *, most: int, declared: int | None, sha256: str
    ) -> None:
        self._pieces = pieces
        self._most = most
        self._declared = declared
        self._sha256 = sha256.lower()
        self._hash = hashlib.sha256()
        self._size = 0
        self._head = b""
        self.failure: Exception | None = None

    async def run(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._pieces:
                self._take(piece)
                if piece:
                    yield piece
            self._judge()
        except Exception as error:
            # The library may hand it on wrapped, or not at all.
            self.failure = error
            raise

    def kept(self) -> Kept:
        if self.failure is not None:
            raise self.failure
        return Kept(self._size, self._hash.hexdigest(), self._head)

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise TooLarge(self._most)
        if self._declared is not None and self._size > self._declared:
            raise LengthWrong(f"More than the declared {self._declared} bytes came.")
        self._hash.update(piece)
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]

    def _judge(self) -> None:
        if self._declared is not None and self._size != self._declared:
            raise LengthWrong(f"{self._size} bytes came, {self._declared} were declared.")
        if self._sha256 and not hmac.compare_digest(self._sha256, self._hash.hexdigest()):
            raise ChecksumWrong("The bytes have another SHA-256 than was declared.")
        if not self._size:
            raise MediaRefused("The file is empty.")


async def _pieces(found: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in found:
            yield bytes(piece)
    except (BaseError, OSError) as error:
        raise MediaAway(f"The object broke off: {type(error).__name__}.") from error
