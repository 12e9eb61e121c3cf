"""`konstruct up` as a process: started, spoken to, killed and started again."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.folders import write_samples
from support.waiting import until

_READY = "Konstruct is ready: "


@dataclass
class Run:
    """One running `konstruct up`. `lines` is all it said, output and complaints together."""

    process: asyncio.subprocess.Process
    url: str
    lines: list[str]
    reader: asyncio.Task[None]

    async def until_said(self, words: str, *, count: int = 1, seconds: float = 15) -> str:
        """Return the `count`-th line that has `words`, once it is said."""
        await until(lambda: len(self.said(words)) >= count, seconds=seconds)
        return self.said(words)[count - 1]

    def said(self, words: str) -> list[str]:
        """Return the lines so far that have `words`."""
        return [line for line in self.lines if words in line]

    async def interrupt(self, sign: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop as Ctrl-C does; return its exit code."""
        self.process.send_signal(sign)
        return await self.ended()

    async def kill(self) -> None:
        """End it without warning: `kill -9`."""
        self.process.kill()
        await self.ended()

    async def ended(self, *, seconds: float = 30) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self.reader
        return code


@dataclass
class Site:
    """A folder of samples and a home, both below one directory that every user can reach."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.directory / "samples"

    @property
    def home(self) -> Path:
        return self.directory / "home"

    async def command(
        self, *words: str, environment: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Start `konstruct WORDS` with this site's home and nothing of ours in its environment."""
        bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "konstruct_local",
            *words,
            cwd=self.directory,
            env={
                **bare,
                "LANG": "C.UTF-8",
                "KONSTRUCT_HOME": str(self.home),
                **self.environment,
                **(environment or {}),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def up(self, *, port: int = 0, environment: Mapping[str, str] | None = None) -> Run:
        """Start everything and return when it is ready; AssertionError with what it said if not."""
        process = await self.command("up", "samples", "--port", str(port), environment=environment)
        lines: list[str] = []
        run = Run(process, "", lines, asyncio.create_task(_read(process, lines)))
        await until(lambda: run.said(_READY) or run.reader.done(), seconds=60)
        assert run.said(_READY), "\n".join(lines)
        run.url = run.said(_READY)[0].removeprefix(_READY)
        return run

    async def konstruct(self, *words: str, **environment: str) -> tuple[int, str]:
        """Run `konstruct WORDS` to its end; return exit code and all it said."""
        process = await self.command(*words, environment=environment)
        async with asyncio.timeout(90):
            output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    def processes(self) -> list[str]:
        """Return the command lines of the living processes that work below this directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    cwd = str((entry / "cwd").readlink())
                    if str(self.directory) in line or cwd.startswith(str(self.directory)):
                        found.append(f"{entry.name} {line}")
        return found


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """Make a site with the samples of `support.folders`; stop whatever is left and remove it."""
    directory = Path(tempfile.mkdtemp(prefix="konstruct-test-"))
    directory.chmod(0o755)  # a server that runs as another user must pass
    made = Site(directory)
    made.folder.mkdir()
    write_samples(made.folder)
    try:
        yield made
    finally:
        for line in made.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)


async def _read(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode().rstrip("\n"))
