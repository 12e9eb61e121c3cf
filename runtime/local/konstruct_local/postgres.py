"""An embedded Postgres 18 with pgvector, from a wheel: initialise, start, stop."""

import asyncio
import contextlib
import fcntl
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from konstruct_local.errors import UnusableSystem
from konstruct_local.postgres_leftover import read_postmaster, stop_leftover
from konstruct_local.postgres_programs import (
    Account,
    data_directory,
    unprivileged_account,
    usable_programs,
)
from konstruct_local.words import mark as _

__all__ = ["SUPERUSER", "EmbeddedPostgres", "default_directory"]

SUPERUSER = "konstruct"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_START_ATTEMPTS = 5
_LONGEST_LOG = 4 * 1024 * 1024
# What a start runs into while the last server's children still die, or a port was just taken.
_PASSING = ("pre-existing shared memory", "lock file", "could not bind", "Address already in use")


def default_directory(home: Path) -> Path:
    """Return where the data of `home` can lie: in it, unless root's server cannot reach it."""
    return data_directory(home)


class EmbeddedPostgres:
    """One Postgres server whose data lie in `directory`, on a loopback TCP port.

    `options` are extra `name=value` server settings. Start it once; `stop` is a fast shutdown,
    and a killed server recovers at the next start. A server that a killed run left behind in the
    same directory is stopped first; a directory that a living run uses is refused.
    """

    def __init__(self, directory: Path, *, options: Sequence[str] = ()) -> None:
        self._directory = directory.absolute()
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._port = 0

    @property
    def pid(self) -> int:
        """The process id of the postmaster; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def directory(self) -> Path:
        """Where the data lie."""
        return self._directory

    @property
    def port(self) -> int:
        """The loopback port it listens on; 0 before its first start."""
        return self._port

    def url(self, database: str = "postgres", *, user: str = SUPERUSER, password: str = "") -> str:
        """Return the URL of a database; the superuser's password is filled in."""
        if user == SUPERUSER and not password:
            password = self._password_file.read_text().strip()
        return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}"

    async def start(self, port: int = 0) -> None:
        """Initialise the data directory if need be and start the server on `port` (0: any free).

        Raises UnusableSystem when the programs are missing, the directory is in use, or the
        server does not come up.
        """
        account = unprivileged_account()
        programs = usable_programs(account)
        await asyncio.to_thread(self._prepare, programs, account)
        complaint = ""
        for attempt in range(_START_ATTEMPTS):
            self._port = port or _free_port()
            self._spawn(programs, account)
            complaint = await self._until_ready()
            if not complaint:
                return
            if not any(word in complaint for word in _PASSING):
                break
            await asyncio.sleep(0.2 * 2**attempt)
        self._unlock()
        raise UnusableSystem(
            _(
                "Postgres did not start in {directory}:\n{reason}\n"
                "Its log is {log}. Choose another directory with KONSTRUCT_HOME, or give a server"
                " of your own with KONSTRUCT_DATABASE_URL."
            ),
            directory=self._directory,
            reason=complaint,
            log=self._log,
        )

    async def stop(self) -> None:
        """Stop the server fast: connections are closed, data are written."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        self._unlock()

    def abandon(self) -> None:
        """Stop the server without waiting for it; it recovers at the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)

    async def restart(self) -> None:
        """Kill the server without mercy and start it again on the same port."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._unlock()
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

    def _prepare(self, programs: Path, account: Account) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if account.uid is not None:
                self._directory.chmod(0o711)  # whatever our umask is, the account must pass
            self._take_lock()
            stop_leftover(self._data)
            if self._log.exists() and self._log.stat().st_size > _LONGEST_LOG:
                self._log.replace(self._log.with_suffix(".log.1"))
            if not self._password_file.exists():
                self._initialise(programs, account)
        except OSError as error:
            self._unlock()
            raise UnusableSystem(
                _(
                    "The directory {directory} cannot be used: {reason}."
                    " Choose another with KONSTRUCT_HOME."
                ),
                directory=self._directory,
                reason=error.strerror or error,
            ) from error

    def _take_lock(self) -> None:
        lock = (self._directory / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise UnusableSystem(
                _(
                    "Another run is using {directory}. Stop it first, or choose another directory"
                    " with KONSTRUCT_HOME."
                ),
                directory=self._directory,
            ) from error
        self._lock = lock

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _initialise(self, programs: Path, account: Account) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        password_file = self._directory / "superuser-password.new"
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_hex(16))
        account.own(self._data, password_file)
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
            cwd="/",
            **account.process_options,
        )
        if result.returncode != 0:
            self._unlock()
            raise UnusableSystem(
                _(
                    "Postgres could not initialise {directory}:\n{reason}\n"
                    "Choose another directory with KONSTRUCT_HOME, or give a server of your own"
                    " with KONSTRUCT_DATABASE_URL."
                ),
                directory=self._data,
                reason=result.stderr.strip(),
            )
        if account.uid is not None:
            Account(uid=0, gid=0).own(password_file)
        password_file.replace(self._password_file)

    def _spawn(self, programs: Path, account: Account) -> None:
        settings = (
            "listen_addresses=127.0.0.1",
            f"port={self._port}",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=64MB",
            "timezone=Etc/UTC",
            *self._options,
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    programs / "postgres",
                    *("-D", self._data),
                    *(part for setting in settings for part in ("-c", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in order
                **account.process_options,
            )

    async def _until_ready(self) -> str:
        """Return an empty text once the server answers, else the last lines of its log."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_SECONDS
        process = self._process
        while process is not None and process.poll() is None and loop.time() < deadline:
            serving = read_postmaster(self._data)
            if serving is not None and serving.pid == process.pid and serving.ready:
                return ""
            await asyncio.sleep(0.01)
        self._process = None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])
        return "no log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
