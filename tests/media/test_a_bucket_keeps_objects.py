"""The same door in front of a real S3 server: pieces, refusals, erasure, wrong keys."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from konstruct_media.errors import ChecksumWrong, LengthWrong, MediaAway, MediaMissing, TooLarge
from konstruct_media.objects import ObjectAddress, Objects, open_objects
from support.files import pieces_of, sha256, zeros
from support.object_server import BUCKET, object_server

pytestmark = [pytest.mark.process, pytest.mark.sockets]

TENANT = uuid4()


@pytest_asyncio.fixture
async def address(tmp_path: Path) -> AsyncIterator[ObjectAddress]:
    async with object_server(tmp_path) as one:
        yield one


@pytest_asyncio.fixture
async def objects(address: ObjectAddress) -> AsyncIterator[Objects]:
    async with open_objects(address) as one:
        yield one


def kept(folder: Path) -> list[str]:
    bucket = folder / BUCKET
    found = (one for one in bucket.rglob("*") if one.is_file())
    return [str(one.relative_to(bucket)) for one in found if ".sgwtmp" not in str(one)]


async def test_small_and_large_objects_are_read_back(objects: Objects, tmp_path: Path) -> None:
    small, large = uuid4(), uuid4()
    data = bytes(range(256)) * 10
    await objects.put(TENANT, small, pieces_of(data), most=10_000, sha256=sha256(data))
    assert await objects.read(TENANT, small, most=10_000) == data
    size = 23 * 1024 * 1024
    found = await objects.put(TENANT, large, zeros(size), most=size, declared=size)
    assert found.size == size
    received = 0
    async for piece in await objects.stream(TENANT, large):
        received += len(piece)
    assert received == size
    assert sorted(kept(tmp_path)) == sorted(
        f"some/prefix/tenants/{TENANT}/media/{one}" for one in (small, large)
    )


async def test_nothing_stays_of_what_is_refused(objects: Objects, tmp_path: Path) -> None:
    size = 12 * 1024 * 1024
    with pytest.raises(TooLarge):
        await objects.put(TENANT, uuid4(), zeros(size), most=size - 1)
    with pytest.raises(LengthWrong):
        await objects.put(TENANT, uuid4(), zeros(size), most=size, declared=size - 1)
    with pytest.raises(ChecksumWrong):
        await objects.put(TENANT, uuid4(), zeros(size), most=size, sha256="0" * 64)
    assert kept(tmp_path) == []


async def test_objects_are_forgotten_and_tenants_erased(objects: Objects) -> None:
    other, mine = uuid4(), [uuid4() for _ in range(3)]
    for media in mine:
        await objects.put(TENANT, media, pieces_of(b"mine"), most=10)
    theirs = uuid4()
    await objects.put(other, theirs, pieces_of(b"theirs"), most=10)
    await objects.forget(TENANT, [mine[0], uuid4()])
    with pytest.raises(MediaMissing):
        await objects.stream(TENANT, mine[0])
    assert await objects.erase(TENANT) == 2
    assert await objects.erase(TENANT) == 0
    assert await objects.read(other, theirs, most=10) == b"theirs"


async def test_wrong_keys_are_an_outage_and_no_missing_file(address: ObjectAddress) -> None:
    wrong = address.model_copy(update={"secret_access_key": SecretStr("wrong")})
    async with open_objects(wrong) as objects:
        with pytest.raises(MediaAway):
            await objects.put(TENANT, uuid4(), pieces_of(b"x"), most=10)
        with pytest.raises(MediaAway):
            await objects.stream(TENANT, uuid4())
