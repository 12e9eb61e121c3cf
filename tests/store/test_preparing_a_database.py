"""`python -m konstruct_store prepare | wait`, as the chart's Job and first containers run them."""

import os
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
