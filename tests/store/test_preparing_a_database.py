"""`python -m konstruct_store prepare | wait`, as the chart's Job and first containers run them."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from konstruct_local.postgres import EmbeddedPostgres
from support.postgres import PASSWORD

pytestmark = [pytest.mark.postgres, pytest.mark.process]


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "konstruct_store", command],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def with_login(url: str, name: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
async def owner_url(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    owner = await asyncpg.connect(postgres_server.url())
    await owner.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


async def test_a_prepared_database_lets_the_program_in(owner_url: str) -> None:
    gateway = with_login(owner_url, "konstruct_gateway_login", PASSWORD)
    done = run("prepare", KONSTRUCT_DATABASE_URL=owner_url, KONSTRUCT_GATEWAY_DATABASE_URL=gateway)
    assert done.returncode == 0, done.stderr
    assert "log-in: konstruct_gateway_login" in done.stdout
    assert run("wait", KONSTRUCT_DATABASE_URL=gateway).returncode == 0


async def test_preparing_twice_changes_nothing(owner_url: str) -> None:
    run("prepare", KONSTRUCT_DATABASE_URL=owner_url)
    again = run("prepare", KONSTRUCT_DATABASE_URL=owner_url)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout


async def test_another_log_in_is_refused_with_the_name_it_should_have(owner_url: str) -> None:
    url = with_login(owner_url, "somebody", "x")
    done = run("prepare", KONSTRUCT_DATABASE_URL=owner_url, KONSTRUCT_LLM_DATABASE_URL=url)
    assert done.returncode == 1
    assert "konstruct_llm_login" in done.stderr


async def test_a_database_that_starts_late_is_waited_for(owner_url: str) -> None:
    real = urlsplit(owner_url)
    assert real.hostname
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    late = urlunsplit(real._replace(netloc=real.netloc.replace(f":{real.port}", f":{port}")))
    preparing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "konstruct_store", "prepare"),
        env={"PATH": os.environ["PATH"], "KONSTRUCT_DATABASE_URL": late},
        stdout=asyncio.subprocess.PIPE,
    )
    assert preparing.stdout
    assert (await preparing.stdout.readline()).startswith(b"waiting:")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(real.hostname, real.port)
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", port):
        said, _ = await asyncio.wait_for(preparing.communicate(), 60)
    assert preparing.returncode == 0
    assert b"applied:" in said


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65_536):
        writer.write(part)
        await writer.drain()
    writer.close()
