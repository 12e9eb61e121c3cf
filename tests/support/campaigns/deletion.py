"""Campaign R12: tenants end in every way there is, while the operator comes and goes.

A deleted Tenant is gone within a bounded time and leaves nothing: no finalizer, no namespace that
we made, no child, no entry of the registry. Tenants that nobody deletes are not touched at all.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import declared
from support.campaigns.cluster_api import (
    CHILDREN,
    Api,
    Document,
    Mirror,
    Unexpected,
    api_of,
    conditions_of,
    until,
)
from support.campaigns.operators import Immortal, immortal_operator, install
from support.campaigns.report import percentiles, progress, say
from support.cluster import Cluster
from support.far_registry import FarRegistry, far_registry
from support.operator_process import NAMESPACE

WAYS = (
    "settled",
    "while it is made",
    "operator away",
    "a child that stays",
    "namespace before",
    "namespace at once",
    "children orphaned",
    "and made again",
)
_ADOPTED = 0.75
_LABEL = "konstruct.dev/tenant"
_HELD = "campaign.example/held"
_CALM_SECONDS = 5.0
_ENDS_IN_PEACE = (3, 20)
_LONGEST_PEACE = 20.0
_ENDLESS = 86_400.0


@dataclass(frozen=True)
class Plan:
    """`tenants` end, `lanes` of them side by side; `bystanders` must stay as they are."""

    seed: int
    tenants: int = 2000
    lanes: int = 8
    bystanders: int = 4
    seconds: float = 180.0
    minutes: float = 120.0
    only: int = -1
    quiet: bool = False


@dataclass
class Result:
    """What was found. `seconds` are from the deletion until nothing was left, by way."""

    ended: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaceful: list[float] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    residue: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    operator_starts: int = 0

    @property
    def clean(self) -> bool:
        """Tell whether all ended wholly and nobody else was touched."""
        return not (self.stuck or self.residue or self.touched or self.mistakes)

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        every = [one for found in self.seconds.values() for one in found]
        return {
            "tenants": self.ended.total(),
            "ways": dict(self.ended),
            "stuck": self.stuck[:20],
            "residue": self.residue[:20],
            "touched": self.touched[:20],
            "operator_starts": self.operator_starts,
            "offboarding": percentiles(every),
            "offboarding_while_the_operator_ran": percentiles(self.peaceful),
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
            immortal_operator(cluster, kubeconfig, far.url, folder, SWEEP_SECONDS="5") as operator,
            progress(lambda: _told(result), quiet=plan.quiet),
        ):
            ends = time.monotonic() + plan.minutes * 60
            crowd = _Bystanders(plan, api, mirror, far)
            before = await crowd.begin()
            chaos = asyncio.create_task(_chaos(plan, operator, far, result))
            numbers = iter([plan.only] if plan.only >= 0 else range(plan.tenants))
            lanes = [
                _Lane(
                    plan, f"lane-{plan.seed % 10**6}-{number}", api, mirror, far, operator, result
                )
                for number in range(min(plan.lanes, plan.tenants))
            ]
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(lane.work(numbers, ends))
            chaos.cancel()
            await asyncio.gather(chaos, return_exceptions=True)
            result.touched += crowd.touched(before)
            result.residue += await _left(api, crowd, lanes)
            await crowd.leave()
        result.mistakes += operator.complaints()
        result.operator_starts = operator.starts
    return result


async def _chaos(plan: Plan, operator: Immortal, far: FarRegistry, result: Result) -> None:
    """Kill the operator again and again, once it has done some work; it stays away for a moment."""
    chance, sessions = random.Random(plan.seed), 0
    while True:
        await until(lambda: far.session > sessions, seconds=_ENDLESS)  # noqa: B023 - awaited here
        sessions, enough = far.session, result.ended.total() + chance.randint(*_ENDS_IN_PEACE)
        with contextlib.suppress(TimeoutError):
            await until(lambda: result.ended.total() >= enough, seconds=_LONGEST_PEACE)  # noqa: B023
        await asyncio.sleep(chance.uniform(0.0, 1.0))
        operator.pause = chance.uniform(0.0, 2.0)
        await operator.kill()


@dataclass
class _Lane:
    """A namespace in which one tenant after another is adopted; others bring their own."""

    plan: Plan
    place: str
    api: Api
    mirror: Mirror
    far: FarRegistry
    operator: Immortal
    result: Result

    async def work(self, numbers: Iterator[int], ends: float) -> None:
        """End tenants until there are no more or the time is up."""
        for number in numbers:
            if time.monotonic() > ends:
                break
            chance = random.Random(f"{self.plan.seed}/{number}")
            end = _End(self, number, chance, chance.choice(WAYS), chance.random() < _ADOPTED)
            try:
                await end.live_and_end()
            except (TimeoutError, Unexpected) as error:
                self.result.stuck.append(f"{number} {end}: {error}")
                say(f"wrong: {number} {end}: {error}")
                self.place += "r"
        await self.api.delete("Namespace", self.place)


@dataclass
class _End:
    """One tenant and how it ends."""

    lane: _Lane
    number: int
    chance: random.Random
    way: str
    adopted: bool

    def __str__(self) -> str:
        return f"{self.way}, {'adopted' if self.adopted else 'created'}"

    @property
    def name(self) -> str:
        """The Tenant's name."""
        return f"t{self.lane.plan.seed % 10**6}-{self.number}"

    @property
    def place(self) -> str:
        """Its namespace."""
        return self.lane.place if self.adopted else f"tenant-{self.name}"

    async def live_and_end(self) -> None:
        """Declare the tenant, end it its way, and see that nothing is left."""
        await self._declare()
        if self.way == "while it is made":
            await asyncio.sleep(self.chance.uniform(0.0, 0.8))
        else:
            await self._until(self._registered, "a registered tenant")
        await self._end()
        if self.way == "and made again":
            await self._declare()
            await asyncio.sleep(self.chance.uniform(0.0, 0.8))
            await self._end()

    async def _declare(self) -> None:
        if self.adopted:
            await self._until(lambda: not self._terminating(), "a namespace to live in")
            await self.lane.api.apply(declared.namespace(self.name, self.place))
        where = {"namespace": self.place} if self.adopted else {}
        retention = {"onDelete": self.chance.choice(["Keep", "Erase"])}
        tenant = declared.tenant(self.name, retention=retention, **where)
        await self.lane.api.apply(tenant)
        if self.adopted:
            await self.lane.api.apply(declared.agent(self.place))
            await self.lane.api.apply(declared.connection(self.place))

    async def _end(self) -> None:
        api, result = self.lane.api, self.lane.result
        if self.way == "operator away":
            await self.lane.operator.away.wait()
        if self.way == "a child that stays":
            await self._hold()
        if self.way in {"namespace before", "namespace at once"}:
            await api.delete("Namespace", self.place)
        if self.way == "namespace before":
            await asyncio.sleep(self.chance.uniform(0.0, 1.5))
        began, starts = time.monotonic(), self.lane.operator.starts
        how = "Orphan" if self.way == "children orphaned" else ""
        (await api.delete("Tenant", self.name, how=how)).or_fail()
        await self._until(lambda: self._tenant() is None, "the end of the Tenant")
        if self.way == "a child that stays":
            await self._let_go()
        await self._until(lambda: not self._left(), "the end of everything")
        took = time.monotonic() - began
        result.ended[self.way] += 1
        result.seconds.setdefault(self.way, []).append(took)
        if starts == self.lane.operator.starts and not self.lane.operator.away.is_set():
            result.peaceful.append(took)

    async def _hold(self) -> None:
        """Give a child a finalizer of somebody who does not answer."""
        patch = {"metadata": {"finalizers": [_HELD]}}
        held = await self.lane.api.merge("ServiceAccount", "konstruct-agent", patch, self.place)
        held.or_fail()

    async def _let_go(self) -> None:
        patch: Document = {"metadata": {"finalizers": []}}
        await self.lane.api.merge("ServiceAccount", "konstruct-agent", patch, self.place)

    def _tenant(self) -> Document | None:
        return self.lane.mirror.get("Tenant", self.name)

    def _registered(self) -> bool:
        tenant = self._tenant()
        if tenant is None:
            return False
        children = {one["kind"] for one in self.lane.mirror.inside(self.place)}
        registered = conditions_of(tenant).get("Registered", {}).get("status") == "True"
        return registered and "Deployment" in children

    def _terminating(self) -> bool:
        place = self.lane.mirror.get("Namespace", self.place)
        return place is not None and "deletionTimestamp" in place["metadata"]

    def _left(self) -> list[str]:
        """Return what is left of the tenant."""
        found = [
            f"{one['kind']} {one['metadata']['name']}"
            for one in self.lane.mirror.inside(self.place, CHILDREN)
            if one["metadata"].get("labels", {}).get(_LABEL) == self.name
        ]
        place = self.lane.mirror.get("Namespace", self.place)
        if place is not None and not self.adopted:
            found.append(f"Namespace {self.place}")
        if self.lane.far.named(self.name) is not None:
            found.append("an entry of the registry")
        return found

    async def _until(self, condition: Any, what: str) -> None:
        try:
            await until(condition, seconds=self.lane.plan.seconds, what=what)
        except TimeoutError as error:
            tenant = self._tenant()
            status = conditions_of(tenant or {}).get("Ready", {})
            raise TimeoutError(f"{error}; left {self._left()}; Ready {status}") from None


@dataclass
class _Bystanders:
    """Tenants that nobody deletes."""

    plan: Plan
    api: Api
    mirror: Mirror
    far: FarRegistry

    def names(self) -> list[str]:
        """Return their names."""
        return [f"b{self.plan.seed % 10**6}-{number}" for number in range(self.plan.bystanders)]

    async def begin(self) -> dict[str, str]:
        """Declare them; return the versions of all that is theirs once they are settled."""
        for name in self.names():
            place = f"team-{name}"
            await self.api.apply(declared.namespace(name))
            tenant = declared.tenant(name, namespace=place, runtime={"minReplicas": 0})
            await self.api.apply(tenant)
            await self.api.apply(declared.agent(place))
            await self.api.apply(declared.connection(place))
        await until(self._settled, seconds=120, what="settled bystanders")
        found, since = self._versions(), time.monotonic()
        while time.monotonic() - since < _CALM_SECONDS:
            await asyncio.sleep(0.2)
            if (now := self._versions()) != found:
                found, since = now, time.monotonic()
        return found

    def touched(self, before: dict[str, str]) -> list[str]:
        """Return what changed of theirs since."""
        now = self._versions()
        return [
            f"{key}: {before.get(key)} -> {now.get(key)}"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]

    async def leave(self) -> None:
        """Remove them."""
        for name in self.names():
            await self.api.delete("Tenant", name)
        gone = lambda: not any(self.mirror.get("Tenant", name) for name in self.names())  # noqa: E731
        await until(gone, seconds=120, what="the end of the bystanders")
        for name in self.names():
            await self.api.delete("Namespace", f"team-{name}")

    def _settled(self) -> bool:
        tenants = [self.mirror.get("Tenant", name) for name in self.names()]
        return all(
            one is not None
            and conditions_of(one).get("Ready", {}).get("reason") == "Asleep"
            and one["status"].get("agents") == one["status"].get("channelConnections") == 1
            and self._connected(one["metadata"]["name"])
            for one in tenants
        )

    def _connected(self, name: str) -> bool:
        place = f"team-{name}"
        own = [self.mirror.get("Agent", "ana", place)]
        own.append(self.mirror.get("ChannelConnection", "website", place))
        return all(one is not None and "observedGeneration" in one["status"] for one in own)

    def _versions(self) -> dict[str, str]:
        names = set(self.names())
        places = {f"team-{name}" for name in names}
        found = {
            f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}": one[
                "metadata"
            ]["resourceVersion"]
            for one in self.mirror.everything()
            if one["metadata"]["name"] in names | places
            or one["metadata"].get("namespace") in places
        }
        entries = {name: self.far.named(name) for name in names}
        return found | {
            f"entry {name}": str(one and one["digest"]) for name, one in entries.items()
        }


async def _left(api: Api, crowd: _Bystanders, lanes: list[_Lane]) -> list[str]:
    """Return whatever of ended tenants the API server still has, asked anew."""
    names, places = set(crowd.names()), {one.place for one in lanes}
    found = []
    for kind in ("Namespace", *CHILDREN):
        for one in await api.list(kind, selector=_LABEL):
            metadata = one["metadata"]
            if metadata["labels"][_LABEL] not in names and metadata["name"] not in places:
                found.append(f"{kind} {metadata.get('namespace', '')}/{metadata['name']}")
    orders = await api.list("ConfigMap", NAMESPACE, "konstruct.dev/erase-order")
    return found + [f"erase order {one['metadata']['name']}" for one in orders]


def _told(result: Result) -> str:
    return f"{result.ended.total()} ended, {len(result.stuck)} stuck"
