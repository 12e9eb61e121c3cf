"""Campaign R13: leaders that are killed, stopped, cut off or asked to end; never two write at once.

Several operators stand by, each with an entrance of its own to the API server, which shows who
wrote what and who took the Lease. Clocks are up to ten minutes off: what a replica writes into the
Lease is shifted as its clock would be. Meanwhile agents change all the time, so that whoever leads
has something to write.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from konstruct_operator.settings import OperatorSettings
from support import declared
from support.campaigns.api_server_outages import forget_lease
from support.campaigns.api_trouble import Way, Write, troubled_way
from support.campaigns.cluster_api import Api, Mirror, api_of, until
from support.campaigns.nursery import Nursery, nursery
from support.campaigns.operators import install
from support.campaigns.report import percentiles, progress
from support.cluster import Cluster
from support.far_registry import FarRegistry, far_registry
from support.operator_process import environment

ENDS = ("killed", "stopped", "cut off", "asked")
GAP_SECONDS = 15.0
LEASE_SECONDS = int(OperatorSettings.model_fields["lease_seconds"].default)
_SKEW_SECONDS = 600.0
_PATIENCE_SECONDS = 240.0
_TENANT = "r13"
_AGENTS = 6


@dataclass(frozen=True)
class Plan:
    """`handovers` among `replicas`, fewer where `seconds` are over before.

    A stopped leader wakes `longest_stop` seconds after the next one leads at most.
    """

    seed: int
    handovers: int = 200
    replicas: int = 3
    lease_seconds: int = LEASE_SECONDS
    longest_stop: float = 60.0
    seconds: float = 14_400.0
    quiet: bool = False


@dataclass
class Result:
    """What the entrances saw. Gaps are seconds from a leader's end until another has the Lease."""

    handovers: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    overlaps: list[str] = field(default_factory=list)
    """Writes that came from an operator after another had taken the Lease."""
    straddling: int = 0
    """Writes that were under way when another took the Lease."""
    stuck: int = 0
    gaps: dict[str, list[float]] = field(default_factory=dict)
    first_writes: list[float] = field(default_factory=list)
    missed: int = 0

    @property
    def longest_gap(self) -> float:
        """Return the longest time without a leader, in seconds."""
        return max((one for many in self.gaps.values() for one in many), default=0.0)

    @property
    def clean(self) -> bool:
        """Tell whether nobody wrote beside a leader and somebody soon led again."""
        return not (self.overlaps or self.stuck or self.missed) and self.longest_gap <= GAP_SECONDS

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        return {
            "handovers": dict(self.handovers),
            "writes": self.writes,
            "overlaps": len(self.overlaps),
            "examples": self.overlaps[:10],
            "straddling": self.straddling,
            "stuck": self.stuck,
            "missed": self.missed,
            "gap_seconds": {one: percentiles(many) for one, many in self.gaps.items()},
            "first_write_seconds": percentiles(self.first_writes),
        }


async def run(plan: Plan, cluster: Cluster, folder: Path) -> Result:
    """Run the campaign on a test cluster and return what the oracle found."""
    result = Result()
    kubeconfig = await asyncio.to_thread(install, cluster, folder)
    names = [f"replica-{number}" for number in range(plan.replicas)]
    with far_registry() as far:
        async with (
            api_of(cluster) as api,
            Mirror(api, ("Tenant", "Agent")) as mirror,
            troubled_way(kubeconfig, names, plan.seed) as (way, files),
            nursery() as births,
            _kept_alive(plan, births, files, far, folder) as numbers,
        ):
            stage = _Stage(plan, api, mirror, far, way, births, numbers, result)
            async with progress(stage.told, quiet=plan.quiet):
                await stage.perform()
        async with api_of(cluster) as api:
            await forget_lease(api)
    judge(way.ledger.writes, way.ledger.holders, result)
    return result


def judge(writes: list[Write], holders: list[tuple[float, str]], result: Result) -> None:
    """Find the writes of an operator that came after another had taken the Lease."""
    taken = [(at, _replica(name)) for at, name in holders if name]
    spans = [
        (name, begin, end) for (begin, name), (end, _) in pairwise([*taken, (float("inf"), "")])
    ]
    result.writes = len(writes)
    for one in writes:
        at = next((span for span in spans if span[1] <= one.came < span[2]), None)
        if at is None or at[0] != one.operator:
            holder, since = at[:2] if at else ("nobody", one.came)
            late = f"{one.came - since:.2f} s after {holder} took the Lease"
            result.overlaps.append(f"{one.operator}, {late}: {one.address}")
        elif one.done > at[2]:
            result.straddling += 1


@dataclass
class _Stage:
    plan: Plan
    api: Api
    mirror: Mirror
    far: FarRegistry
    way: Way
    births: Nursery
    numbers: dict[str, int]
    result: Result
    said: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.plan.seed)

    def told(self) -> str:
        done, gap = self.result.handovers.total(), self.result.longest_gap
        return f"{done}/{self.plan.handovers} hand-overs, longest gap {gap:.1f} s"

    async def perform(self) -> None:
        """Hand over again and again while agents change."""
        await until(self._leader, seconds=_PATIENCE_SECONDS, what="a first leader")
        await self.api.apply(declared.namespace(_TENANT))
        await self.api.apply(declared.tenant(_TENANT, namespace=f"team-{_TENANT}"))
        talking = asyncio.create_task(self._talk())
        waking: set[asyncio.Task[None]] = set()
        ends = time.monotonic() + self.plan.seconds
        try:
            for number in range(self.plan.handovers):
                if time.monotonic() > ends:
                    break
                await self._hand_over(ENDS[number % len(ENDS)], waking)
        finally:
            talking.cancel()
            await asyncio.gather(talking, *waking, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await until(lambda: not self._missing(), seconds=_PATIENCE_SECONDS)
        self.result.missed = len(self._missing())
        await self.api.delete("Tenant", _TENANT)
        with contextlib.suppress(TimeoutError):
            await until(lambda: not self.mirror.get("Tenant", _TENANT), seconds=_PATIENCE_SECONDS)
        await self.api.delete("Namespace", f"team-{_TENANT}")

    async def _hand_over(self, how: str, waking: set[asyncio.Task[None]]) -> None:
        with contextlib.suppress(TimeoutError):
            # Whoever leads has something to lose only once it has written.
            await until(self._has_written, seconds=_PATIENCE_SECONDS)
        await asyncio.sleep(self.chance.uniform(0.0, 4.0))
        leader = self._leader()
        for entrance in self.way.entrances.values():
            entrance.skew_seconds = self.chance.uniform(-_SKEW_SECONDS, _SKEW_SECONDS)
        began = time.monotonic()
        self._end(leader, how)
        try:
            await until(
                lambda: self._leader() not in {"", leader} or self._again(leader, began),
                seconds=_PATIENCE_SECONDS,
            )
        except TimeoutError:
            self.result.stuck += 1
        taken = next((at for at, name in self.way.ledger.holders if at > began and name), began)
        self.result.handovers[how] += 1
        self.result.gaps.setdefault(how, []).append(taken - began)
        if how in {"stopped", "cut off"}:
            task = asyncio.create_task(self._revive(leader, how))
            waking.add(task)
            task.add_done_callback(waking.discard)
        written = len(self.way.ledger.writes)
        with contextlib.suppress(TimeoutError):
            await until(lambda: len(self.way.ledger.writes) > written, seconds=_PATIENCE_SECONDS)
        self.result.first_writes.append(time.monotonic() - began)
        # The others must be standing by when the next one ends.
        await asyncio.gather(*waking)

    def _end(self, leader: str, how: str) -> None:
        signals = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "asked": signal.SIGTERM}
        if how == "cut off":
            self.way.entrances[leader].begin("away")
        else:
            os.kill(self.numbers[leader], signals[how])

    async def _revive(self, leader: str, how: str) -> None:
        """Wake a stopped leader while another leads, or let one that was cut off in again."""
        span = self.plan.longest_stop if self.chance.random() < 0.1 else 4.0
        await asyncio.sleep(self.chance.uniform(0.1, span))
        if how == "cut off":
            self.way.entrances[leader].end()
        else:
            os.kill(self.numbers[leader], signal.SIGCONT)
        await asyncio.sleep(1.0)

    def _leader(self) -> str:
        return _replica(self.way.ledger.holders[-1][1]) if self.way.ledger.holders else ""

    def _again(self, leader: str, began: float) -> bool:
        """Tell whether the same replica took the Lease anew after its end."""
        return any(at > began and _replica(name) == leader for at, name in self.way.ledger.holders)

    def _has_written(self) -> bool:
        since = self.way.ledger.holders[-1][0] if self._leader() else float("inf")
        return any(one.came > since for one in self.way.ledger.writes[-50:])

    async def _talk(self) -> None:
        while True:
            self.count += 1
            agent, words = f"a{self.count % _AGENTS}", f"Words {self.count}"
            place = f"team-{_TENANT}"
            await self.api.apply(declared.agent(place, agent, instructions=words))
            self.said[agent] = words
            await asyncio.sleep(self.chance.uniform(0.05, 0.3))

    def _missing(self) -> list[str]:
        stored = self.far.named(_TENANT)
        given = {one["name"]: str(one) for one in stored["snapshot"]["agents"]} if stored else {}
        return [name for name, words in self.said.items() if words not in given.get(name, "")]


def _replica(holder: str) -> str:
    return holder.partition(".")[0]


@asynccontextmanager
async def _kept_alive(
    plan: Plan, births: Nursery, files: dict[str, Path], far: FarRegistry, folder: Path
) -> AsyncIterator[dict[str, int]]:
    """Start each operator again whenever it ends; yield their process ids by name."""
    numbers: dict[str, int] = {}

    async def keep(name: str) -> None:
        for life in count():
            # A pod that takes another's place has a name of its own.
            settings = environment(
                files[name],
                far.url,
                PROBE_PORT="0",
                IDENTITY=f"{name}.{life}",
                LEASE_SECONDS=str(plan.lease_seconds),
            )
            numbers[name] = await births.start(settings, folder / f"{name}.log")
            await births.ended(numbers[name])
            await asyncio.sleep(0.2)

    keeping = []
    for name in files:
        keeping.append(asyncio.create_task(keep(name)))
        # Births are told one by one: two at the same moment could be taken for each other.
        await until(
            partial(numbers.__contains__, name), seconds=_PATIENCE_SECONDS, what="an operator"
        )
    try:
        yield numbers
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        for number in numbers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGCONT)
            await births.kill(number)
