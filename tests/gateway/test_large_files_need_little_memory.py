"""A hundred megabytes go up and come down, and no part of the way holds them all."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from support.files import zeros
from support.gateways import SampleTenant, settings_for
from support.postgres import Database
from support.uploading import sender

pytestmark = [pytest.mark.postgres, pytest.mark.process]

SIZE = 100 * 1024 * 1024
ALLOWED = 48 * 1024 * 1024
BEGINNING = b"ID3\x04\x00"


def largest(pid: int) -> int:
    """Return the most memory that a process has had so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [one for one in status.splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def alive(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        with contextlib.suppress(httpx.HTTPError):
            return (await client.get(f"{url}/healthz")).status_code == 200
    return False


@asynccontextmanager
async def program(database_url: str, folder: Path) -> AsyncIterator[tuple[int, str, str]]:
    """Run the gateway as a process; yield its id and its two addresses."""
    ports = free_port(), free_port()
    settings = settings_for(database_url, port=ports[0], internal_port=ports[1])
    secret = ("database_url", "chat_key", "registry_token", "replica_token")
    values = {name: getattr(settings, name).get_secret_value() for name in secret}
    values |= {"public_url": settings.public_url, "host": "127.0.0.1"}
    values |= {"port": str(ports[0]), "internal_port": str(ports[1])}
    values |= {"media_url": f"file://{folder}"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "konstruct_gateway"),
        env={
            "PATH": os.environ["PATH"],
            **{f"KONSTRUCT_{name.upper()}": value for name, value in values.items()},
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    public, internal = (f"http://127.0.0.1:{port}" for port in ports)
    try:
        async with asyncio.timeout(30):
            while not await alive(public):  # noqa: ASYNC110 - another process has no event of ours
                await asyncio.sleep(0.05)
        yield process.pid, public, internal
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


async def audio() -> AsyncIterator[bytes]:
    yield BEGINNING
    async for piece in zeros(SIZE - len(BEGINNING)):
        yield piece


async def test_a_hundred_megabytes_pass_through_in_pieces(
    database: Database, tenant: SampleTenant, tmp_path: Path
) -> None:
    config = {"visitors": "Allowed", "largestFileBytes": SIZE}
    tenant.over["connections"] = (tenant.connection("website", config=config),)
    async with program(database.url("gateway"), tmp_path) as (pid, public, internal):
        await tenant.register(internal)
        person = await sender(public)
        await person.uploaded(b"ID3\x04\x00small", media_type="audio/mpeg", name="small.mp3")
        before = largest(pid)
        for headers in ({"Content-Length": str(SIZE)}, {}):
            answer = await person.upload(
                audio(), media_type="audio/mpeg", name="long.mp3", headers=headers
            )
            assert answer.status_code == 201, answer.text
            assert answer.json()["sizeBytes"] == SIZE
        received = 0
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            client.stream("GET", public + answer.json()["url"]) as download,
        ):
            async for piece in download.aiter_raw():
                received += len(piece)
        assert received == SIZE
        assert largest(pid) - before < ALLOWED
