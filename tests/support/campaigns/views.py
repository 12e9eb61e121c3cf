"""Campaign R10: an operator that dies after any of its writes, and one that is told lies.

A tenant's life (declared, changed, deleted) leads in the end to the same as an undisturbed one:
whichever write the operator dies right after, and however late, twice, in the wrong order or not at
all its watches tell it what happens. https://github.com/sieve-project/sieve is where the method
comes from.
"""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.campaigns.api_proxy import ApiProxy, Spoilt, api_proxy
from support.campaigns.cluster_api import Api, Mirror, api_of
from support.campaigns.lives import BROKEN, Life, States, clean_life, follow
from support.campaigns.operators import Immortal, immortal_operator, install
from support.campaigns.report import percentiles, progress, say
from support.cluster import Cluster
from support.far_registry import FarRegistry, far_registry

_SWEEP_SECONDS = "2"
_BEYOND = 3
# A life takes the one away; the other is the way back into a namespace that an end, cut short after
# its removal, has to finish.
_MADE_AGAIN = (BROKEN, "rolebindings/konstruct-operator")
_REMEMBERED = 40
_GONE = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version",
        "reason": "Expired",
        "code": 410,
    },
}


@dataclass(frozen=True)
class Plan:
    """`every`: crash after each `every`-th write, 0 for none, `side_by_side` lives at a time.
    `seeds` lives are lied to, beginning with `seed`, `lanes` of them at a time."""

    seed: int
    every: int = 1
    seeds: int = 500
    side_by_side: int = 4
    lanes: int = 6
    seconds: float = 180.0
    minutes: float = 120.0
    quiet: bool = False


@dataclass
class Result:
    """What was found; `wrong` are differences from the clean life."""

    crashes: int = 0
    writes: dict[str, int] = field(default_factory=dict)
    lives: int = 0
    lies: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    made_twice: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Tell whether every life ended as a clean one."""
        return not (self.wrong or self.made_twice or self.mistakes)

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        return {
            "crashes": self.crashes,
            "writes_of_a_life": self.writes,
            "lives_lied_to": self.lives,
            "lies": dict(self.lies),
            "life_seconds": percentiles(self.lengths),
            "wrong": self.wrong[:30],
            "differences": len(self.wrong),
            "made_twice": self.made_twice[:10],
            "mistakes": self.mistakes[:10],
        }


async def run(plan: Plan, cluster: Cluster, folder: Path) -> Result:
    """Run the campaign on a test cluster and return what the oracle found."""
    result = Result()
    kubeconfig = await asyncio.to_thread(install, cluster, folder)
    with far_registry() as far:
        async with (
            api_of(cluster) as api,
            Mirror(api) as mirror,
            api_proxy(kubeconfig) as (proxy, proxied),
            immortal_operator(
                cluster, proxied, far.url, folder, SWEEP_SECONDS=_SWEEP_SECONDS
            ) as operator,
            progress(lambda: _told(result), quiet=plan.quiet),
        ):
            ends = time.monotonic() + plan.minutes * 60
            stage = _Stage(plan, api, mirror, far, proxy, operator, result, ends)
            cleans = {adopted: await stage.clean(adopted=adopted) for adopted in (True, False)}
            await stage.crash(cleans)
            await stage.lie(cleans)
        result.mistakes += operator.complaints()
    return result


@dataclass
class _Stage:
    plan: Plan
    api: Api
    mirror: Mirror
    far: FarRegistry
    proxy: ApiProxy
    operator: Immortal
    result: Result
    ends: float

    async def clean(self, *, adopted: bool) -> States:
        life = self._life(f"calm-{self._mark}-{'a' if adopted else 'c'}", adopted=adopted)
        self.proxy.arm(life.name, 10**6, self.operator.kill)
        clean = await clean_life(life)
        self.proxy.disarm(life.name)
        self.result.writes["adopted" if adopted else "created"] = self.proxy.passed[life.name]
        return clean

    async def crash(self, cleans: dict[bool, States]) -> None:
        """Live a life for each write, and kill the operator right after that one.

        Some live side by side: they suffer from each other's kills besides.
        """
        kills = [
            (adopted, count)
            for adopted in cleans
            for count in range(1, self._most_writes(adopted=adopted) + 1, self.plan.every or 10**6)
            if self.plan.every
        ]
        queue = iter(kills)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.plan.side_by_side, len(kills))):
                group.create_task(self._dying(queue, cleans))

    async def _dying(self, kills: Iterator[tuple[bool, int]], cleans: dict[bool, States]) -> None:
        for adopted, count in kills:
            if time.monotonic() > self.ends:
                return
            kind = "a" if adopted else "c"
            life = self._life(f"dies-{self._mark}-{kind}{count:03}", adopted=adopted)
            self.proxy.arm(life.name, count, self.operator.kill)
            await self._follow(life, cleans[adopted])
            if self.proxy.disarm(life.name):
                self.result.crashes += 1

    def _most_writes(self, *, adopted: bool) -> int:
        """Return more writes than a life has: how many there are depends on what coincides."""
        return self.result.writes["adopted" if adopted else "created"] + _BEYOND

    @property
    def _mark(self) -> int:
        return self.plan.seed % 10**6

    async def lie(self, cleans: dict[bool, States]) -> None:
        """Live lives of which the watches tell lies."""
        numbers = iter(range(self.plan.seed, self.plan.seed + self.plan.seeds))
        self.proxy.view = view = Lies(self.plan.seed, self.result.lies)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.plan.lanes, self.plan.seeds)):
                group.create_task(self._lied_to(numbers, view, cleans))
        self.proxy.view = None

    async def _lied_to(
        self, numbers: Iterator[int], view: "Lies", cleans: dict[bool, States]
    ) -> None:
        for number in numbers:
            if time.monotonic() > self.ends:
                return
            adopted = random.Random(number).random() < 0.5
            life = self._life(f"lied-{self._mark}-{number:06}", adopted=adopted)
            view.about(life.name, number)
            await self._follow(life, cleans[adopted])
            view.forget(life.name)
            self.result.lives += 1

    async def _follow(self, life: Life, clean: States) -> None:
        began = time.monotonic()
        wrong = await follow(life, clean, seconds=self.plan.seconds)
        self.result.lengths.append(time.monotonic() - began)
        for one in wrong:
            say(f"wrong: {one}")
        self.result.wrong += wrong
        twice = self.proxy.ledger.made_twice(life.name)
        self.result.made_twice += [one for one in twice if not one.endswith(_MADE_AGAIN)]

    def _life(self, name: str, *, adopted: bool) -> Life:
        return Life(name, adopted, self.api, self.mirror, self.far)


class Lies:
    """Holds events back, drops, repeats and disorders them, ends and rewinds watches.

    What becomes of an event follows from the number of the life that it is about, and how many came
    before it; whole watches suffer from the campaign's seed.
    """

    def __init__(self, seed: int, told: Counter[str]) -> None:
        self._watches = random.Random(seed)
        self._told = told
        self._lives: dict[str, random.Random] = {}
        self._old: dict[str, deque[tuple[str, bytes]]] = {}

    def about(self, name: str, number: int) -> None:
        """Begin to lie about a life."""
        self._lives[name] = random.Random(number)

    def forget(self, name: str) -> None:
        """Tell the truth about a life again."""
        self._lives.pop(name, None)

    def begins(self, path: str, version: str) -> tuple[str, bytes]:
        """Rewind some watches, and say of others that their version is gone."""
        chance = self._watches.random()
        old = self._old.get(path)
        if chance < 0.1:
            self._told["gone"] += 1
            return version, json.dumps(_GONE).encode() + b"\n"
        if chance < 0.5 and old and version.isdigit():
            earlier = self._watches.choice(old)[0]
            if int(earlier) < int(version):
                self._told["rewound"] += 1
                return earlier, b""
        return version, b""

    def passes(self, path: str, line: bytes) -> Spoilt:
        """Return what becomes of an event."""
        event = json.loads(line)
        metadata = event["object"].get("metadata", {})
        old = self._old.setdefault(path, deque(maxlen=_REMEMBERED))
        if "resourceVersion" in metadata:
            old.append((metadata["resourceVersion"], line))
        chance = self._life_of(metadata)
        if chance is None or event["type"] not in {"ADDED", "MODIFIED", "DELETED"}:
            return Spoilt(((0.0, line),))
        draw, ends = chance.random(), chance.random() < 0.02
        if ends:
            self._told["ended"] += 1
        if draw < 0.15:
            self._told["dropped"] += 1
            return Spoilt((), ends)
        if draw < 0.45:
            self._told["held back"] += 1
            return Spoilt(((chance.uniform(0.05, 2.0), line),), ends)
        if draw < 0.65:
            self._told["repeated"] += 1
            again = self._watches.choice(old)[1] if old else line
            return Spoilt(((0.0, line), (chance.uniform(0.0, 1.0), again)), ends)
        return Spoilt(((0.0, line),), ends)

    def _life_of(self, metadata: dict[str, Any]) -> random.Random | None:
        labels = metadata.get("labels", {})
        for text in (metadata.get("name", ""), metadata.get("namespace", "")):
            for prefix in ("", "team-", "tenant-"):
                if prefix and not text.startswith(prefix):
                    continue
                if (found := self._lives.get(text.removeprefix(prefix))) is not None:
                    return found
        return self._lives.get(labels.get("konstruct.dev/tenant", ""))


def _told(result: Result) -> str:
    return f"{result.crashes} crashes, {result.lives} lied to, {len(result.wrong)} wrong"
