"""Kills whole programs at random moments of a campaign's progress, and starts them again."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from konstruct_local.errors import LocalError
from support.stack import Program, ProgramDied

_T = TypeVar("_T")
Start = Callable[[], Awaitable[Program]]
_TRIES = 10
_LONGEST_DELAY = 0.8
_LAST_SHARE = 0.98


@dataclass
class Killer:
    """Kills by progress, so that equal seeds kill the same programs after the same messages.

    `restart_postgres` kills the postmaster and starts it again.
    """

    starts: Mapping[str, Start]
    restart_postgres: Callable[[], Awaitable[None]]
    running: dict[str, Program] = field(default_factory=dict)
    moments: list[tuple[float, str]] = field(default_factory=list)
    """When (monotonic seconds) what was killed."""
    starting: set[asyncio.Task[None]] = field(default_factory=set)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    @property
    def kills(self) -> Counter[str]:
        """How often each was killed."""
        return Counter(target for _, target in self.moments)

    async def start_all(self) -> None:
        """Start every program, in order."""
        for name, start in self.starts.items():
            self.running[name] = await start()

    async def rampage(
        self,
        seed: int,
        *,
        kills: int,
        messages: int,
        targets: Sequence[str],
        accepted: Callable[[], int],
    ) -> None:
        """Kill something each time enough messages are accepted; return when nothing is left."""
        for point, delay, target in plan(seed, kills=kills, messages=messages, targets=targets):
            while accepted() < point:
                self._complain()
                await asyncio.sleep(0.02)
            await asyncio.sleep(delay)
            task = asyncio.create_task(self.kill(target))
            self.starting.add(task)
            task.add_done_callback(self._ended)
        await self.until_up()

    async def until_up(self) -> None:
        """Wait until everything that was killed serves again."""
        while self.starting:
            await asyncio.gather(*self.starting)

    def _complain(self) -> None:
        """Raise what kept a program from coming up."""
        for task in self.starting:
            if task.done():
                task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self.starting.discard(task)

    async def kill(self, target: str) -> None:
        """Kill it; return when it serves again."""
        # A target that is still coming up from the last kill is killed when it is up.
        async with self._locks.setdefault(target, asyncio.Lock()):
            if target == "postgres":
                self.moments.append((time.monotonic(), target))
                await again(self.restart_postgres)
                return
            program = self.running[target]
            self.moments.append((time.monotonic(), target))
            await program.kill()
            self.running[target] = await again(self.starts[target])


async def again(work: Callable[[], Awaitable[_T]]) -> _T:
    """Do what Kubernetes would: start again what does not come up."""
    for number in range(_TRIES):
        try:
            return await work()
        except (ProgramDied, LocalError):
            if number == _TRIES - 1:
                raise
            await asyncio.sleep(0.2 * (number + 1))
    raise AssertionError("unreachable")


def plan(
    seed: int, *, kills: int, messages: int, targets: Sequence[str]
) -> list[tuple[float, float, str]]:
    """Return the kills of a seed: after how many messages, with what delay, and what."""
    chance = random.Random(seed)
    step = messages * _LAST_SHARE / max(1, kills)
    return [
        (
            step * (number + chance.random()),
            chance.uniform(0, _LONGEST_DELAY),
            chance.choice(targets),
        )
        for number in range(kills)
    ]
