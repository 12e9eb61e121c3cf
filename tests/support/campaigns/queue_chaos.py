"""Campaign R4: the five faults that a queue on Postgres must outlive, each under a steady load.

People in web chat write at a fixed rate whatever happens. After each fault the rate of answers must
be back where it was, within ten seconds, and nothing may be lost. The faults are those of
https://github.com/hardbyte/postgresql-job-queue-benchmarking.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from konstruct_local.postgres import EmbeddedPostgres
from support.campaigns.killer import Killer, again
from support.campaigns.ledgers import Conversation, Verdict, answer_with_nonces, judge, nonce
from support.campaigns.people import WebPerson
from support.campaigns.product import WEB_CHAT, Addresses, Product
from support.campaigns.report import progress
from support.far_model import FarModel
from support.stack import running_stack

FAULTS = ("restart", "backend kills", "pool exhaustion", "crash", "repeated kills")
LEAST_RECOVERY = 0.99
LONGEST_SECONDS = 10.0
_CONNECTIONS = 300
_PAUSE = 0.5
_WARM = 20


@dataclass(frozen=True)
class Plan:
    """`rate` messages a second; each fault lasts `fault_seconds` and is watched for as long as
    `watch_seconds` after its end."""

    seed: int
    rate: float = 10.0
    visitors: int = 20
    baseline_seconds: float = 30.0
    fault_seconds: float = 15.0
    watch_seconds: float = 30.0
    faults: Sequence[str] = FAULTS
    drain_seconds: float = 120.0
    quiet: bool = False


@dataclass(frozen=True)
class Recovery:
    """What followed a fault: `share` of the baseline's answers, and when the last of its backlog
    was answered, in seconds after its end."""

    fault: str
    share: float
    seconds: float

    @property
    def good(self) -> bool:
        """Tell whether the queue is back where it was."""
        return self.share >= LEAST_RECOVERY and self.seconds <= LONGEST_SECONDS


@dataclass
class Result:
    """The verdict and each fault's recovery; `baseline` is answers a second."""

    verdict: Verdict
    baseline: float
    recoveries: list[Recovery] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether nothing was lost or doubled and every fault was outlived."""
        return self.verdict.clean and all(one.good for one in self.recoveries)

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        recoveries = {
            one.fault: {"share": round(one.share, 4), "seconds": round(one.seconds, 2)}
            for one in self.recoveries
        }
        return {**vars(self.verdict), "baseline": self.baseline, "recoveries": recoveries}


@dataclass
class _Crowd:
    """People who write one after the other, at fixed times."""

    plan: Plan
    people: list[WebPerson]
    writing: set[asyncio.Task[int]] = field(default_factory=set)
    phase: str = "baseline"

    async def write(self) -> None:
        chance = random.Random(self.plan.seed)
        began = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, began + number / self.plan.rate - time.monotonic()))
            person = chance.choice(self.people)
            name = nonce(self.people.index(person), number, chance.getrandbits(32))
            task = asyncio.create_task(person.say([name]))
            self.writing.add(task)
            task.add_done_callback(self.writing.discard)

    def conversations(self) -> list[Conversation]:
        return [one for person in self.people for one in person.conversations]

    def warm(self) -> bool:
        """Tell whether answers come as fast as questions: what the start left undone is done."""
        waiting = len(self.writing) + sum(one.unanswered for one in self.conversations())
        return self.answers(0.0, time.monotonic()) >= _WARM and waiting <= self.plan.rate

    def answers(self, begin: float, end: float) -> int:
        """Count the messages that were first answered in a span of time."""
        return sum(
            begin <= at < end for one in self.conversations() for at in one.replied_at.values()
        )

    def backlog_answered(self, end: float) -> float:
        """Return how long after `end` the last message from before it was answered."""
        never = float("inf")
        answered = [
            one.replied_at.get(name, never)
            for one in self.conversations()
            for name, at in one.said_at.items()
            if at < end
        ]
        return max(0.0, max(answered, default=end) - end)

    def told(self) -> str:
        unanswered = sum(one.unanswered for one in self.conversations())
        return f"{self.phase}: {unanswered} unanswered, {len(self.writing)} not yet accepted"


async def run(plan: Plan, directory: Path) -> Result:
    """Run the campaign in `directory` and return what the oracle found."""
    async with (
        FarModel(rule=answer_with_nonces) as model,
        running_stack(directory) as stack,
        AsyncExitStack() as exits,
    ):
        nowhere = "http://127.0.0.1:9/api/"
        addresses = Addresses(model.url, nowhere)
        product = Product(stack, addresses, plan.seed, model.key, gather_milliseconds=0)
        killer = Killer(product.starts, stack.postgres.restart)
        await killer.start_all()
        await product.push()
        http = await exits.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        people = [
            await exits.enter_async_context(WebPerson(http, product.url, WEB_CHAT))
            for _ in range(plan.visitors)
        ]
        crowd = _Crowd(plan, people)
        chaos = _Chaos(plan, stack.postgres, killer)
        async with progress(crowd.told, quiet=plan.quiet):
            return await _measure(plan, crowd, chaos)


async def _measure(plan: Plan, crowd: _Crowd, chaos: "_Chaos") -> Result:
    writing = asyncio.create_task(crowd.write())
    await _until(plan, crowd.warm)
    began = time.monotonic()
    await asyncio.sleep(plan.baseline_seconds)
    baseline = crowd.answers(began, time.monotonic()) / (time.monotonic() - began)
    ends: list[tuple[str, float]] = []
    for fault in plan.faults:
        crowd.phase = fault
        await chaos.cause(fault)
        ends.append((fault, time.monotonic()))
        crowd.phase = f"after {fault}"
        await asyncio.sleep(plan.watch_seconds)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await _drain(plan, crowd)
    result = Result(judge(crowd.conversations()), round(baseline, 2))
    for fault, end in ends:
        answers = crowd.answers(end, end + plan.watch_seconds)
        share = answers / (baseline * plan.watch_seconds)
        result.recoveries.append(Recovery(fault, share, crowd.backlog_answered(end)))
    return result


async def _drain(plan: Plan, crowd: _Crowd) -> None:
    crowd.phase = "draining"
    everybody = crowd.conversations()
    await _until(plan, lambda: not crowd.writing and not any(one.unanswered for one in everybody))


async def _until(plan: Plan, condition: Callable[[], bool]) -> None:
    """Wait until it holds, or as long as the plan lets one wait."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plan.drain_seconds):
            while not condition():  # noqa: ASYNC110 - people look, nobody announces
                await asyncio.sleep(_PAUSE)


@dataclass
class _Chaos:
    plan: Plan
    postgres: EmbeddedPostgres
    killer: Killer

    async def cause(self, fault: str) -> None:
        """Cause a fault; return when its cause is gone."""
        causes: dict[str, Callable[[], Awaitable[None]]] = {
            "restart": self._restart,
            "backend kills": self._kill_backends,
            "pool exhaustion": self._exhaust,
            "crash": self.postgres.restart,
            "repeated kills": self._kill_programs,
        }
        await causes[fault]()

    async def _restart(self) -> None:
        port = self.postgres.port
        await self.postgres.stop()
        await again(lambda: self.postgres.start(port))

    async def _kill_backends(self) -> None:
        """End half of the product's connections, twice a second."""
        ends = time.monotonic() + self.plan.fault_seconds
        async with _owner(self.postgres) as connection:
            while time.monotonic() < ends:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename LIKE 'konstruct\\_%' AND random() < 0.5"
                )
                await asyncio.sleep(_PAUSE)

    async def _exhaust(self) -> None:
        """Take every connection the server has, while the product's own die."""
        taken: list[Any] = []
        ends = time.monotonic() + self.plan.fault_seconds
        async with _owner(self.postgres) as owner:
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename LIKE 'konstruct\\_%'"
            )
            for _ in range(_CONNECTIONS):
                with contextlib.suppress(asyncpg.PostgresError, OSError):
                    taken.append(await asyncpg.connect(self.postgres.url(), timeout=5))
            await asyncio.sleep(max(0.0, ends - time.monotonic()))
            await asyncio.gather(*(one.close() for one in taken))

    async def _kill_programs(self) -> None:
        chance = random.Random(self.plan.seed)
        ends = time.monotonic() + self.plan.fault_seconds
        while time.monotonic() < ends:
            await self.killer.kill(chance.choice(sorted(self.killer.starts)))


@contextlib.asynccontextmanager
async def _owner(postgres: EmbeddedPostgres) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(postgres.url())
    try:
        yield connection
    finally:
        await connection.close()
