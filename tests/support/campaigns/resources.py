"""Campaign R9: every field of every kind, changed to what people and programs get wrong, and back.

Each change is either refused with a message that says where, or the operator comes to rest in a
state that follows from what is stored; after the change is taken back everything is as before.
Worlds, each a tenant with everything that can be declared, are changed side by side.
https://github.com/xlab-uiuc/acto is where the method comes from.
"""

import asyncio
import copy
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.campaigns import worlds
from support.campaigns.cluster_api import (
    CHILDREN,
    Answer,
    Api,
    Document,
    Mirror,
    api_of,
    conditions_of,
    until,
)
from support.campaigns.leaves import Change, changes, leaves, published
from support.campaigns.lives import difference
from support.campaigns.operators import Watchman, install, watched_operator
from support.campaigns.report import percentiles, progress, say
from support.cluster import Cluster
from support.far_registry import FarRegistry, far_registry

_LONGEST_BEGIN = 240.0
_REFUSALS = {400, 413, 422}
_REASON = re.compile(r"^[A-Z][A-Za-z]*$")


@dataclass(frozen=True)
class Plan:
    """`transitions` at least, 0 for every change there is; `lanes` worlds side by side.

    `only` is the text of one change to run alone.
    """

    seed: int
    transitions: int = 0
    lanes: int = 6
    seconds: float = 120.0
    minutes: float = 60.0
    only: str = ""
    quiet: bool = False


@dataclass
class Result:
    """What was found. `wrong` says of each change that ended wrongly what was wrong."""

    changes: int = 0
    refused: int = 0
    accepted: int = 0
    returned: int = 0
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    fields: set[str] = field(default_factory=set)
    fields_there_are: set[str] = field(default_factory=set)

    @property
    def transitions(self) -> int:
        """Count the changes that were tried and those that were taken back."""
        return self.refused + self.accepted + self.returned

    @property
    def clean(self) -> bool:
        """Tell whether everything ended as it must."""
        return not self.wrong and not self.mistakes

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        return {
            "transitions": self.transitions,
            "refused": self.refused,
            "accepted": self.accepted,
            "returned": self.returned,
            "fields": f"{len(self.fields & self.fields_there_are)}/{len(self.fields_there_are)}",
            "convergence": percentiles(self.seconds),
            "ready": dict(self.reasons.most_common()),
            "wrong": self.wrong[:50],
            "wrong_changes": len(self.wrong),
            "mistakes": self.mistakes[:10],
        }


async def run(plan: Plan, cluster: Cluster, folder: Path) -> Result:
    """Run the campaign on a test cluster and return what the oracle found."""
    chosen = _chosen(plan)
    every = {f"{kind}.{one}" for kind in _KINDS for one in leaves(published(kind))}
    result = Result(fields_there_are=every)
    queue = iter(chosen)
    kubeconfig = await asyncio.to_thread(install, cluster, folder)
    with (
        far_registry() as far,
        watched_operator(cluster, kubeconfig, far.url, folder, SWEEP_SECONDS="30") as watchman,
    ):
        async with api_of(cluster) as api, Mirror(api) as mirror:
            lanes = [
                _World(plan, f"w{plan.seed % 10**6}-{number}", api, mirror, far, result)
                for number in range(min(plan.lanes, len(chosen)))
            ]
            told = lambda: f"{result.transitions} of {len(chosen)}+, {len(result.wrong)} wrong"  # noqa: E731
            ends = time.monotonic() + plan.minutes * 60
            try:
                async with progress(told, quiet=plan.quiet), asyncio.TaskGroup() as group:
                    for lane in lanes:
                        group.create_task(lane.work(queue, watchman, ends))
            finally:
                await asyncio.gather(*(lane.leave() for lane in lanes), return_exceptions=True)
        result.mistakes = watchman.look()
    return result


_KINDS = ("Tenant", "Agent", "ChannelConnection", "AgentTemplate")


def _chosen(plan: Plan) -> list[Change]:
    """Return the changes of the plan's seed: all of them, or some of every field."""
    everything = changes()
    if plan.only:
        return [one for one in everything if str(one) == plan.only]
    chance = random.Random(plan.seed)
    chance.shuffle(everything)
    if not plan.transitions:
        return everything
    return _by_turns(everything)[: plan.transitions]


def _by_turns(everything: list[Change]) -> list[Change]:
    """Return the changes so that every field has its turn before any has a second one."""
    turns: Counter[str] = Counter()
    ranked = []
    for position, one in enumerate(everything):
        key = f"{one.kind}.{one.leaf}"
        ranked.append((turns[key], position, one))
        turns[key] += 1
    return [one for _, _, one in sorted(ranked, key=lambda found: found[:2])]


@dataclass
class _World:
    """One tenant with everything; its changes come one after another."""

    plan: Plan
    name: str
    api: Api
    mirror: Mirror
    far: FarRegistry
    result: Result
    declared: dict[tuple[str, int], Document] = field(default_factory=dict)
    first: Any = None
    _version: int = 0

    async def work(self, queue: Iterator[Change], watchman: Watchman, ends: float) -> None:
        """Take changes until there are none or the time is up, each on a world as at first."""
        await self._begin()
        for change in queue:
            if watchman.look() or time.monotonic() > ends:
                return
            try:
                await self._try(change)
            except TimeoutError as error:
                self._wrong(f"{change}: {error}")
                await self._restore()
            if watchman.look():
                self._wrong(f"{change}: the operator stumbled meanwhile")
            self.result.changes += 1
            self.result.fields.add(f"{change.kind}.{change.leaf}")

    async def leave(self) -> None:
        """Remove the world."""
        await self.api.delete("Tenant", self.name)
        await self.api.delete("AgentTemplate", self.name)
        gone = lambda: self.mirror.get("Tenant", self.name) is None  # noqa: E731
        await until(gone, seconds=_LONGEST_BEGIN, what=f"the end of {self.name}")
        await self.api.delete("Namespace", worlds.place_of(self.name))

    async def _begin(self) -> None:
        for document in worlds.around(self.name):
            await self.api.apply(document)
        self.declared = worlds.documents(self.name)
        for document in self.declared.values():
            await self.api.apply(document)
        try:
            await until(lambda: not self._unsettled(), seconds=_LONGEST_BEGIN)
        except TimeoutError:
            raise TimeoutError(f"no world {self.name}: {self._unsettled()}") from None
        self.first = self._state()

    async def _try(self, change: Change) -> None:
        key = change.kind, change.document
        before = self._stored(*key)
        answer = await self._put(key, change.of(self.declared[key]))
        if not answer.good:
            self.result.refused += 1
            self._judge_refusal(change, answer, before)
            return
        await self._settles(change, "accepted")
        self._judge_rest(change, key)
        self.result.accepted += 1
        (await self._put(key, self.declared[key])).or_fail()
        await self._settles(change, "taken back", back=True)
        self.result.returned += 1

    async def _put(self, key: tuple[str, int], wanted: Document) -> Answer:
        while True:
            metadata = self.declared[key]["metadata"]
            stored = await self.api.get(key[0], metadata["name"], metadata.get("namespace", ""))
            assert stored is not None
            kept = {name: stored["metadata"][name] for name in ("resourceVersion", "uid")}
            kept["finalizers"] = stored["metadata"].get("finalizers", [])
            body = {**wanted, "metadata": {**wanted["metadata"], **kept}}
            answer = await self.api.replace(body)
            if answer.status != 409:
                if answer.good:
                    self._version = int(answer.document["metadata"]["resourceVersion"])
                return answer

    async def _settles(self, change: Change, how: str, *, back: bool = False) -> None:
        began = time.monotonic()

        def rests() -> bool:
            seen = self._stored(change.kind, change.document)
            if int(seen["metadata"]["resourceVersion"]) < self._version:
                return False
            return not self._unsettled() and (not back or self._state() == self.first)

        try:
            await until(rests, seconds=self.plan.seconds, what="rest")
        except TimeoutError:
            faults = self._unsettled() or difference(self.first, self._state())
            raise TimeoutError(f"{how}, and no rest: {faults[:5]}") from None
        self.result.seconds.append(time.monotonic() - began)

    def _judge_refusal(self, change: Change, answer: Answer, before: Document) -> None:
        named = [one for one in change.path if isinstance(one, str) and one != "spec"]
        if answer.status not in _REFUSALS:
            self._wrong(f"{change}: refused with {answer.status} {answer.message[:300]}")
        elif answer.status != 413 and not any(one in answer.message for one in named or ["spec"]):
            self._wrong(f"{change}: unclear refusal {answer.message[:300]}")
        if self._stored(change.kind, change.document)["spec"] != before["spec"]:
            self._wrong(f"{change}: refused and stored")

    def _judge_rest(self, change: Change, key: tuple[str, int]) -> None:
        found = conditions_of(self._stored(*key))
        ready = found["Ready"]
        stalled, going = (found[one]["status"] == "True" for one in ("Stalled", "Reconciling"))
        self.result.reasons[f"{key[0]} {ready['status']} {ready['reason']}"] += 1
        faults = [
            f"{one['type']} has no reason: {one['reason']!r}"
            for one in found.values()
            if not _REASON.match(one["reason"])
        ]
        if (stalled and going) or (ready["status"] == "True") == (stalled or going):
            faults.append(f"Ready {ready['status']}, Stalled {stalled}, Reconciling {going}")
        if ready["status"] != "True" and not ready.get("message"):
            faults.append("Ready does not say what to do")
        if faults:
            self._wrong(f"{change}: {faults}")

    def _unsettled(self) -> list[str]:
        """Return why the world is not at rest: statuses that lag, children that do not follow."""
        stored = {key: self._find(*key) for key in self.declared}
        lagging = [
            f"{kind}/{number} is not observed"
            for (kind, number), one in stored.items()
            if one is None or not _is_observed(one)
        ]
        if lagging:
            return lagging
        return worlds.faults_of(
            self._stored("Tenant", 0),
            [one for (kind, _), one in stored.items() if kind == "Agent" and one],
            [one for (kind, _), one in stored.items() if kind == "ChannelConnection" and one],
            self.mirror.inside(worlds.place_of(self.name), CHILDREN),
            self.far.named(self.name),
        )

    def _state(self) -> Any:
        own = [self._stored(*key) for key in self.declared]
        inside = self.mirror.inside(worlds.place_of(self.name), CHILDREN)
        entry = worlds.entry_of(self.far.named(self.name))
        return copy.deepcopy({**worlds.state_of([*own, *inside]), "registry": entry})

    def _find(self, kind: str, number: int) -> Document | None:
        metadata = self.declared[kind, number]["metadata"]
        return self.mirror.get(kind, metadata["name"], metadata.get("namespace", ""))

    def _stored(self, kind: str, number: int) -> Document:
        found = self._find(kind, number)
        assert found is not None, (kind, number)
        return found

    async def _restore(self) -> None:
        """Begin with a new world after a change that did not end well."""
        await self.leave()
        self.name = f"{self.name}r"
        await self._begin()

    def _wrong(self, text: str) -> None:
        self.result.wrong.append(text)
        say(f"wrong: {text}")


def _is_observed(document: Document) -> bool:
    status, generation = document.get("status", {}), document["metadata"]["generation"]
    conditions = status.get("conditions", [])
    return status.get("observedGeneration") == generation and all(
        one.get("observedGeneration") == generation for one in conditions
    )
