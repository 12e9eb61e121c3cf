"""The folder as an object store: what was declared is held against what comes, and nothing stays
behind of what was refused.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from konstruct_media.errors import (
    AddressInvalid,
    ChecksumWrong,
    LengthWrong,
    MediaMissing,
    MediaRefused,
    TooLarge,
)
from konstruct_media.objects import HEAD_BYTES, ObjectAddress, Objects, open_objects
from support.files import pieces_of, sha256

TENANT = uuid4()


@pytest_asyncio.fixture
async def objects(tmp_path: Path) -> AsyncIterator[Objects]:
    async with open_objects(ObjectAddress(url=f"file://{tmp_path}")) as one:
        yield one


def files(folder: Path) -> list[str]:
    return [str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()]


async def test_what_is_put_is_read_back(objects: Objects, tmp_path: Path) -> None:
    media, data = uuid4(), bytes(range(256)) * 100
    kept = await objects.put(
        TENANT, media, pieces_of(data), most=len(data), declared=len(data), sha256=sha256(data)
    )
    assert (kept.size, kept.sha256, kept.head) == (len(data), sha256(data), data[:HEAD_BYTES])
    assert await objects.read(TENANT, media, most=len(data)) == data
    assert files(tmp_path) == [f"tenants/{TENANT}/media/{media}"]


async def test_too_much_declared_is_refused_before_anything_is_read(objects: Objects) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    with pytest.raises(TooLarge):
        await objects.put(TENANT, uuid4(), never(), most=10, declared=11)


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"most": 999}, TooLarge),
        ({"most": 5000, "declared": 999}, LengthWrong),
        ({"most": 5000, "declared": 1001}, LengthWrong),
        ({"most": 5000, "sha256": "0" * 64}, ChecksumWrong),
    ],
)
async def test_nothing_stays_of_what_is_refused(
    objects: Objects, tmp_path: Path, over: dict[str, object], error: type[Exception]
) -> None:
    media = uuid4()
    with pytest.raises(error):
        await objects.put(TENANT, media, pieces_of(b"x" * 1000, size=100), **over)  # type: ignore[arg-type]
    assert files(tmp_path) == []
    with pytest.raises(MediaMissing):
        await objects.stream(TENANT, media)


async def test_an_empty_file_is_refused(objects: Objects) -> None:
    with pytest.raises(MediaRefused):
        await objects.put(TENANT, uuid4(), pieces_of(b""), most=10)


async def test_an_interrupted_sender_leaves_nothing(objects: Objects, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await objects.put(TENANT, uuid4(), breaking(), most=1_000_000)
    assert files(tmp_path) == []


async def test_reading_is_bounded(objects: Objects) -> None:
    media = uuid4()
    await objects.put(TENANT, media, pieces_of(b"x" * 1000), most=1000)
    with pytest.raises(TooLarge):
        await objects.read(TENANT, media, most=999)


async def test_a_tenant_is_erased_and_its_neighbour_is_not(objects: Objects) -> None:
    other, mine = uuid4(), [uuid4() for _ in range(3)]
    for media in mine:
        await objects.put(TENANT, media, pieces_of(b"mine"), most=10)
    theirs = uuid4()
    await objects.put(other, theirs, pieces_of(b"theirs"), most=10)
    assert await objects.erase(TENANT) == 3
    assert await objects.erase(TENANT) == 0
    assert await objects.read(other, theirs, most=10) == b"theirs"


async def test_forgetting_twice_is_forgetting(objects: Objects) -> None:
    media = uuid4()
    await objects.put(TENANT, media, pieces_of(b"mine"), most=10)
    await objects.forget(TENANT, [media, uuid4()])
    await objects.forget(TENANT, [media])
    with pytest.raises(MediaMissing):
        await objects.read(TENANT, media, most=10)


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "file://host/x", "s3://", "/srv/media", "s3:bucket"]
)
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(AddressInvalid):
        async with open_objects(ObjectAddress(url=url)):
            pass
