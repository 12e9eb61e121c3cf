import asyncio
import json
import os
import sys

import asyncpg
import pytest

from konstruct_gateway.main import main
from support.gateways import CHAT_KEY
from support.postgres import Database


async def _run(**environment: str) -> tuple[int, list[dict[str, str]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "konstruct_gateway",
        env={"PATH": os.environ["PATH"], **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, output = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, [json.loads(line) for line in output.splitlines()]


def _settings(database_url: str, **over: str) -> dict[str, str]:
    return {
        "KONSTRUCT_DATABASE_URL": database_url,
        "KONSTRUCT_PUBLIC_URL": "https://chat.example.com",
        "KONSTRUCT_CHAT_KEY": CHAT_KEY,
        "KONSTRUCT_REGISTRY_TOKEN": "one",
        "KONSTRUCT_REPLICA_TOKEN": "two",
        **over,
    }


@pytest.mark.process
async def test_wrong_settings_are_named_and_their_values_are_not() -> None:
    wrong = {"KONSTRUCT_CHAT_KEY": "c2hvcnQ=", "KONSTRUCT_PUBLIC_URL": "chat.example.com"}
    code, lines = await _run(**_settings("postgresql://u:hunter2@nowhere/k", **wrong))
    assert code == 2
    problems = " ".join(lines[0]["problems"])
    assert "chat_key" in problems
    assert "public_url" in problems
    assert "hunter2" not in problems
    assert "c2hvcnQ" not in problems


@pytest.mark.process
@pytest.mark.postgres
async def test_a_database_that_cannot_keep_the_guarantee_is_refused(database: Database) -> None:
    code, lines = await _run(**_settings(database.owner_url))
    assert (code, lines[-1]["event"]) == (1, "cannot start")
    assert "row-level security" in lines[-1]["reason"]
    owner = await asyncpg.connect(database.owner_url)
    newer = "number = number + 1000, oldest_program = number + 1000"
    await owner.execute(f"UPDATE konstruct.migrations SET {newer}")  # noqa: S608 - a constant
    await owner.close()
    code, lines = await _run(**_settings(database.url("gateway")))
    assert code == 1
    assert "migration" in lines[-1]["reason"]


def test_wrong_use_is_told_apart() -> None:
    assert main(["nonsense"]) == 2
