"""Operators that start in a moment: one process has imported everything and forks each of them.

Importing is most of an operator's start, and a campaign starts hundreds. What runs is the operator
as it is, in a process of its own that can be killed.
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

_LOOK_SECONDS = 0.02


class Nursery:
    """The process that forks, as a campaign sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._one_birth = asyncio.Lock()
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._hearing = asyncio.create_task(self._hear())

    async def start(self, environment: Mapping[str, str], log_file: Path) -> int:
        """Start an operator that appends to `log_file`; return its process id."""
        assert self._process.stdin is not None
        order = {"environment": dict(environment), "log": str(log_file)}
        async with self._one_birth:  # or two could be taken for each other
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            return await self._born.get()

    def alive(self, number: int) -> bool:
        """Tell whether an operator runs."""
        return not self._end(number).done()

    async def kill(self, number: int) -> None:
        """End an operator at once, as the kernel's out-of-memory killer does."""
        if not self.alive(number):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        await self.ended(number)

    async def ended(self, number: int) -> int:
        """Wait for an operator's end; return its exit code, negative for a signal."""
        return await asyncio.shield(self._end(number))

    async def close(self) -> None:
        """End the process that forks; its children were ended before."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._hearing

    def _end(self, number: int) -> asyncio.Future[int]:
        if number not in self._ends:
            self._ends[number] = asyncio.get_running_loop().create_future()
        return self._ends[number]

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            what, number, code = line.split()
            if what == b"born":
                # The kernel gives the number of one that has ended again.
                self._ends.pop(int(number), None)
                self._born.put_nowait(int(number))
            elif not self._end(int(number)).done():
                self._end(int(number)).set_result(int(code))


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Start the process that forks; end it and every operator afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.campaigns.nursery"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    found = Nursery(process)
    try:
        yield found
    finally:
        await found.close()


def serve() -> None:
    """Fork an operator for each line of standard input; at its end, kill those that still run."""
    import kubernetes.aio.client  # noqa: F401, PLC0415 - what reading a kubeconfig takes

    from konstruct_operator.main import main  # noqa: PLC0415 - imported once, here alone

    running: set[int] = set()
    orders = os.fdopen(0, "rb", buffering=0)
    while True:
        readable, _, _ = select.select([orders], [], [], _LOOK_SECONDS)
        if readable:
            line = orders.readline()
            if not line:
                break
            number = os.fork()
            if number == 0:
                _become(json.loads(line))
                main()
                os._exit(0)
            running.add(number)
            _say("born", number, 0)
        for number in list(running):
            ended, status = os.waitpid(number, os.WNOHANG)
            if ended:
                running.discard(number)
                _say("ended", number, os.waitstatus_to_exitcode(status))
    for number in running:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        _say("ended", number, -signal.SIGKILL)


def _become(order: Mapping[str, object]) -> None:
    """Take over an operator's environment and log; leave its parent's input and output."""
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    environment = order["environment"]
    assert isinstance(environment, dict)
    os.environ.update(environment)


def _say(what: str, number: int, code: int) -> None:
    os.write(1, f"{what} {number} {code}\n".encode())


if __name__ == "__main__":
    serve()
