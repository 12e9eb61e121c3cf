"""The server that a killed run left behind: find it by its data directory, and stop it.

A `kill -9` of our process leaves its Postgres running. `postmaster.pid` names a process id, which
by now may belong to anybody; only a process that really works in that data directory is touched.
https://www.postgresql.org/docs/18/storage-file-layout.html
"""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_READY_LINE = 8
_FAST_SECONDS = 10.0
_IMMEDIATE_SECONDS = 5.0


@dataclass(frozen=True)
class Postmaster:
    """What `postmaster.pid` says: who serves the directory, on which port, and whether yet."""

    pid: int
    port: int
    ready: bool


def read_postmaster(data: Path) -> Postmaster | None:
    """Return what the lock file in `data` says, or None when there is none that can be read."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = abs(int(lines[0]))
    except (OSError, ValueError, IndexError):
        return None
    port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else 0  # noqa: PLR2004
    ready = len(lines) >= _READY_LINE and lines[_READY_LINE - 1].strip() == "ready"
    return Postmaster(pid=pid, port=port, ready=ready)


def stop_leftover(data: Path) -> bool:
    """Stop the server that still runs in `data`; return whether there was one.

    First fast (connections are closed, data are written), then immediate (it recovers at the next
    start), at last by SIGKILL. Blocks for at most 20 s. A stale lock file is left to Postgres.
    """
    left = read_postmaster(data)
    if left is None or not _serves(left.pid, data):
        return False
    for sign, patience in (
        (signal.SIGINT, _FAST_SECONDS),
        (signal.SIGQUIT, _IMMEDIATE_SECONDS),
        (signal.SIGKILL, _IMMEDIATE_SECONDS),
    ):
        with contextlib.suppress(ProcessLookupError):
            os.kill(left.pid, sign)
        if _gone_within(left.pid, data, patience):
            break
    return True


def _gone_within(pid: int, data: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _serves(pid, data):
            return True
        time.sleep(0.02)
    return False


def _serves(pid: int, data: Path) -> bool:
    """Tell whether process `pid` lives and is a Postgres of the directory `data`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's process: not a server we started
    proc = Path("/proc") / str(pid)
    if proc.parent.joinpath("self").exists():
        try:
            # The postmaster changes into its data directory; a zombie has no such link.
            return (proc / "cwd").readlink() == data.resolve()
        except OSError:
            return False
    listing = subprocess.run(  # noqa: S603 - fixed program, a number as argument
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "postgres" in listing.stdout and str(data) in listing.stdout
