"""Campaign R11: an API server that is away, full, old or silent; no change of a resource is lost.

A fleet of tenants with agents is served by one operator. Outage after outage, some agents are
changed while the operator's way to the API server is in trouble. The oracle is what the API server
stores and what the registry was given: after each outage every change must have arrived in both. A
watch that went silent without an end must be opened anew in time, which the way itself sees.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from konstruct_operator import names
from konstruct_operator.cluster.kinds import LEASE
from support import declared
from support.campaigns.api_trouble import TROUBLES, Entrance, Way, troubled_way
from support.campaigns.cluster_api import Api, Mirror, api_of, until
from support.campaigns.nursery import Nursery, nursery
from support.campaigns.operators import install
from support.campaigns.report import percentiles, progress
from support.cluster import Cluster
from support.far_registry import FarRegistry, far_registry
from support.operator_process import ACCOUNT, NAMESPACE, environment

ZOMBIE_SECONDS = 90.0
# Who leads is not what this campaign is about; a starved machine loses short Leases.
_LEASE_SECONDS = "60"
_RESTART = "restart"
_SERVING_SECONDS = 600.0
_ARRIVAL_SECONDS = 180.0


@dataclass(frozen=True)
class Plan:
    """`outages` over `tenants` with `agents` each; each outage changes `changes` agents.

    Fewer where `seconds` are over before. `silences` of them are watches that go silent, which
    takes more than a minute each. At the end all agents are changed while the server is away, to
    see how long catching up takes.
    """

    seed: int
    outages: int = 200
    silences: int = 10
    tenants: int = 50
    agents: int = 20
    changes: int = 10
    longest_seconds: float = 6.0
    restarts: bool = True
    seconds: float = 14_400.0
    quiet: bool = False


@dataclass
class Result:
    """What the oracle found. Seconds are from an outage's end until the last change arrived."""

    outages: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    missed: list[str] = field(default_factory=list)
    ends: int = 0
    """How often the operator ended by itself and was started again, as a kubelet does."""
    arrivals: dict[str, list[float]] = field(default_factory=dict)
    zombies: list[float] = field(default_factory=list)
    caught_up: tuple[int, float] = (0, 0.0)

    @property
    def clean(self) -> bool:
        """Tell whether nothing was missed and every silent watch was noticed in time."""
        return not self.missed and all(one <= ZOMBIE_SECONDS for one in self.zombies)

    def figures(self) -> dict[str, Any]:
        """Return everything for the campaign's line."""
        return {
            "outages": dict(self.outages),
            "changed": self.changed,
            "missed": len(self.missed),
            "examples": self.missed[:10],
            "operator_ends": self.ends,
            "arrival_seconds": {one: percentiles(many) for one, many in self.arrivals.items()},
            "zombie_seconds": percentiles(self.zombies),
            "caught_up": {"resources": self.caught_up[0], "seconds": self.caught_up[1]},
        }


async def run(plan: Plan, cluster: Cluster, folder: Path) -> Result:
    """Run the campaign on a test cluster and return what the oracle found."""
    result = Result()
    kubeconfig = await asyncio.to_thread(install, cluster, folder)
    with far_registry() as far:
        async with (
            api_of(cluster) as api,
            Mirror(api, ("Tenant", "Agent")) as mirror,
            troubled_way(kubeconfig, ["only"], plan.seed) as (way, files),
            nursery() as births,
            _kept_alive(births, files["only"], far, folder, result),
        ):
            stage = _Stage(plan, cluster, api, mirror, far, way, files["only"], result)
            async with progress(stage.told, quiet=plan.quiet):
                await stage.settle()
                ends = time.monotonic() + plan.seconds
                for trouble in stage.order():
                    if time.monotonic() > ends:
                        break
                    await stage.outage(trouble)
                await stage.catch_up()
            if not _pid_file(cluster).exists() or plan.quiet:
                await stage.leave()
        async with api_of(cluster) as api:
            await forget_lease(api)
    return result


@dataclass
class _Stage:
    plan: Plan
    cluster: Cluster
    api: Api
    mirror: Mirror
    far: FarRegistry
    way: Way
    kubeconfig: Path
    result: Result
    number: int = 0
    said: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.plan.seed)
        self.entrance: Entrance = self.way.entrances["only"]
        self.names = [f"r11-{number}" for number in range(self.plan.tenants)]

    def told(self) -> str:
        late = len(self.result.missed)
        return f"{self.result.outages.total()}/{self.plan.outages} outages, {late} missed"

    def order(self) -> list[str]:
        """Return the outages of this seed, silences among them."""
        kinds = [one for one in TROUBLES if one != "silent"]
        if self.plan.restarts and _pid_file(self.cluster).exists():
            kinds.append(_RESTART)
        loud = self.plan.outages - self.plan.silences
        found = [kinds[place % len(kinds)] for place in range(loud)]
        found += ["silent"] * self.plan.silences
        self.chance.shuffle(found)
        return found

    async def settle(self) -> None:
        """Declare the fleet and wait until all of it is served."""
        for name in self.names:
            await self.api.apply(declared.namespace(name))
            await self.api.apply(declared.tenant(name, namespace=f"team-{name}"))
            for number in range(self.plan.agents):
                await self._say(name, f"a{number}")
        await self._arrived(_SERVING_SECONDS)

    async def outage(self, trouble: str) -> None:
        """Cause one outage, change agents meanwhile, and wait for all of it afterwards."""
        self.result.outages[trouble] += 1
        began = time.monotonic()
        if trouble == _RESTART:
            await self._restart()
            await self._change(self.plan.changes)
        else:
            token = self._token() if trouble == "token expired" else ""
            self.entrance.begin(trouble, token=token)
            streams = list(self.entrance.streams.values()) if trouble == "silent" else []
            await self._change(self.plan.changes)
            if token:
                await self._renew_token()
            await asyncio.sleep(self.chance.uniform(0.5, self.plan.longest_seconds))
            if trouble == "silent":
                await self._awoken(streams, began)
            self.entrance.end()
        ended = time.monotonic() if trouble != "silent" else began
        await self._arrived(_ARRIVAL_SECONDS)
        self.result.arrivals.setdefault(trouble, []).append(time.monotonic() - ended)

    async def catch_up(self) -> None:
        """Change every agent while the server is away; measure how long catching up takes."""
        self.entrance.begin("away")
        everyone = [
            (name, f"a{number}") for name in self.names for number in range(self.plan.agents)
        ]
        for name, agent in everyone:
            await self._say(name, agent)
        self.entrance.end()
        began = time.monotonic()
        await self._arrived(_ARRIVAL_SECONDS)
        self.result.caught_up = (len(everyone), round(time.monotonic() - began, 2))

    async def leave(self) -> None:
        """Delete the fleet, so that a shared cluster is left as it was."""
        for name in self.names:
            await self.api.delete("Tenant", name)
        with contextlib.suppress(TimeoutError):
            await until(
                lambda: not any(self.mirror.get("Tenant", name) for name in self.names),
                seconds=_SERVING_SECONDS,
            )
        for name in self.names:
            await self.api.delete("Namespace", f"team-{name}")

    async def _change(self, count: int) -> None:
        for _ in range(count):
            name, agent = (
                self.chance.choice(self.names),
                f"a{self.chance.randrange(self.plan.agents)}",
            )
            await self._say(name, agent)
            self.result.changed += 1

    async def _say(self, name: str, agent: str) -> None:
        self.number += 1
        words = f"Words {self.number}"
        await self.api.apply(declared.agent(f"team-{name}", agent, instructions=words))
        self.said[name, agent] = words

    async def _arrived(self, seconds: float) -> None:
        """Wait until every change is in the registry and in its resource's status."""
        try:
            await until(lambda: not self._missing(), seconds=seconds, what="the changes")
        except TimeoutError:
            missing = [f"{self.number}: {one}" for one in self._missing()]
            self.result.missed += missing
            for one in list(self.said):
                if f"{self.number}: {one}" in missing:
                    del self.said[one]

    def _missing(self) -> list[tuple[str, str]]:
        return [one for one, words in list(self.said.items()) if not self._is_there(one, words)]

    def _is_there(self, one: tuple[str, str], words: str) -> bool:
        name, agent = one
        document = self.mirror.get("Agent", agent, f"team-{name}")
        if document is None or document["spec"].get("instructions") != words:
            return False
        if (
            document.get("status", {}).get("observedGeneration")
            != document["metadata"]["generation"]
        ):
            return False
        stored = self.far.named(name)
        given = stored["snapshot"]["agents"] if stored else []
        return any(known["name"] == agent and words in str(known) for known in given)

    async def _awoken(self, paths: list[str], began: float) -> None:
        """Wait until every silent watch was opened anew; note how long the last one took."""

        def latest() -> float:
            opened = self.way.ledger.watches
            return max((self._first_after(opened[path], began) for path in paths), default=began)

        with contextlib.suppress(TimeoutError):
            await until(lambda: latest() != float("inf"), seconds=ZOMBIE_SECONDS + 30)
        self.result.zombies.append(latest() - began)

    def _first_after(self, times: list[float], began: float) -> float:
        return next((one for one in times if one > began), float("inf"))

    async def _restart(self) -> None:
        """Kill the real API server and start it again with the same arguments."""
        file = _pid_file(self.cluster)
        number = int(file.read_text())
        arguments = Path(f"/proc/{number}/cmdline").read_bytes().decode().split("\0")[:-1]
        folder = file.parent
        os.kill(number, signal.SIGKILL)
        with (folder / "log" / "apiserver.log").open("ab") as log:
            await asyncio.sleep(self.chance.uniform(0.2, 2.0))
            started = await asyncio.to_thread(
                subprocess.Popen,
                arguments,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        file.write_text(str(started.pid))
        async with asyncio.timeout(120):
            while not await self._ready():  # noqa: ASYNC110 - it comes up, nobody announces it
                await asyncio.sleep(0.1)

    async def _ready(self) -> bool:
        try:
            return (await self.api.send("GET", "/readyz")).good
        except (aiohttp.ClientError, OSError):
            return False

    def _token(self) -> str:
        document = yaml.safe_load(self.kubeconfig.read_text())
        return str(document["users"][0]["user"]["token"])

    async def _renew_token(self) -> None:
        made = await asyncio.to_thread(
            self.cluster.kubectl, "-n", NAMESPACE, "create", "token", ACCOUNT, "--duration=3h"
        )
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["users"][0]["user"]["token"] = made.strip()
        self.kubeconfig.write_text(yaml.safe_dump(document))


@asynccontextmanager
async def _kept_alive(
    births: Nursery, kubeconfig: Path, far: FarRegistry, folder: Path, result: Result
) -> AsyncIterator[None]:
    """Start the operator again whenever it ends, as a kubelet does."""
    settings = environment(
        kubeconfig, far.url, PROBE_PORT="0", IDENTITY="only", LEASE_SECONDS=_LEASE_SECONDS
    )
    number = 0

    async def keep() -> None:
        nonlocal number
        while True:
            number = await births.start(settings, folder / "operator.log")
            await births.ended(number)
            result.ends += 1
            await asyncio.sleep(0.5)

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        if number:
            await births.kill(number)


async def forget_lease(api: Api) -> None:
    """Delete the Lease that killed operators left, for which the next one would wait."""
    await api.send("DELETE", LEASE.path(namespace=NAMESPACE, name=names.LEASE))


def _pid_file(cluster: Cluster) -> Path:
    """Return where our own test bed keeps the API server's process id; elsewhere it is missing."""
    return cluster.kubeconfig.parent / "apiserver.pid"
