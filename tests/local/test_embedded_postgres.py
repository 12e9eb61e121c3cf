"""The embedded server: what a killed run leaves is made good, and nobody else is touched."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from konstruct_local import postgres_leftover, postgres_programs
from konstruct_local.errors import UnusableSystem
from konstruct_local.postgres import EmbeddedPostgres, default_directory
from konstruct_store.store import Store

pytestmark = [pytest.mark.postgres, pytest.mark.process]


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="konstruct-postgres-"))
    made.chmod(0o755)
    yield made / "postgres"
    shutil.rmtree(made)


async def test_a_server_left_by_a_killed_run_is_stopped_and_its_data_are_there(
    directory: Path,
) -> None:
    left = await _left_behind(directory)
    server = EmbeddedPostgres(directory)
    await server.start()
    try:
        assert not _alive(left)
        assert server.pid != left
        await _answers(server)
    finally:
        await server.stop()


async def test_a_lock_file_that_names_somebody_else_s_process_does_no_harm(
    directory: Path,
) -> None:
    server = EmbeddedPostgres(directory)
    await server.start()
    await server.stop()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # noqa: ASYNC220 - a bystander
    try:
        lock = directory / "data" / "postmaster.pid"
        lock.write_text(f"{other.pid}\n{directory / 'data'}\n0\n1\n\n\n\nready\n")
        assert postgres_leftover.stop_leftover(directory / "data") is False
        lock.unlink()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_a_killed_postmaster_is_started_again_at_once(directory: Path) -> None:
    server = EmbeddedPostgres(directory)
    await server.start()
    for _ in range(3):
        os.kill(server.pid, signal.SIGKILL)
        await server.restart()
        await _answers(server)
    await server.stop()


async def test_two_servers_never_share_a_directory(directory: Path) -> None:
    server = EmbeddedPostgres(directory)
    await server.start()
    try:
        with pytest.raises(UnusableSystem, match="Another run is using"):
            await EmbeddedPostgres(directory).start()
        await _answers(server)
    finally:
        await server.stop()


async def test_a_port_that_is_taken_is_not_insisted_on(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = EmbeddedPostgres(directory / "one")
    await first.start()
    ports = iter([first.port, first.port])
    free_port = EmbeddedPostgres.__init__.__globals__["_free_port"]
    monkeypatch.setattr(
        "konstruct_local.postgres._free_port", lambda: next(ports, 0) or free_port()
    )
    second = EmbeddedPostgres(directory / "two")
    try:
        await second.start()
        assert second.port != first.port
    finally:
        await second.stop()
        await first.stop()


async def test_an_initialisation_that_was_interrupted_begins_anew(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(directory)
    await server.start()
    await _answers(server)
    await server.stop()


async def test_the_password_is_needed_and_only_the_owner_can_read_it(directory: Path) -> None:
    server = EmbeddedPostgres(directory)
    await server.start()
    try:
        file = directory / "superuser-password"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_uid == os.geteuid()
        with pytest.raises(Exception, match="refuses"):
            await Store.connect(server.url(password="wrong"))
    finally:
        await server.stop()


async def test_a_broken_directory_is_told_with_the_server_s_own_words(directory: Path) -> None:
    server = EmbeddedPostgres(directory)
    await server.start()
    await server.stop()
    (directory / "data" / "global" / "pg_control").unlink()
    with pytest.raises(UnusableSystem, match=r"(?s)did not start.*pg_control|could not find"):
        await server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_s_data_lie_where_the_server_s_user_can_reach_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert default_directory(tmp_path / "home").is_relative_to("/var/lib/konstruct")
    other = default_directory(tmp_path / "home-2")
    assert default_directory(tmp_path / "home" / "2") != other
    assert default_directory(Path("/tmp/home")) == Path("/tmp/home/postgres")  # noqa: S108 - never made


def test_programs_that_cannot_be_reached_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    (hidden / "bin").mkdir(parents=True)
    (hidden / "bin" / "postgres").write_text("program")
    hidden.chmod(0o700)
    monkeypatch.setattr(postgres_programs, "installed_programs", lambda: hidden)
    monkeypatch.setattr(postgres_programs, "_SHARED", tmp_path / "shared")
    programs = postgres_programs.usable_programs(postgres_programs.Account(uid=65_534, gid=65_534))
    assert programs.is_relative_to(tmp_path / "shared")
    assert (programs / "postgres").read_text() == "program"
    assert programs.parent.stat().st_mode & 0o755 == 0o755


async def _left_behind(directory: Path) -> int:
    """Start a server in a process that is killed, and return the server's process id."""
    program = (
        "import asyncio, pathlib, sys, time\n"
        "from konstruct_local.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))\n"
        "asyncio.run(server.start())\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(directory), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    assert _alive(pid)
    return pid


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[:1]


async def _answers(server: EmbeddedPostgres) -> None:
    store = await Store.connect(server.url())
    await store.close()
