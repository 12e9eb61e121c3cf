"""The life of a tenant, from its declaration over a change to its end, and how it must look then.

A clean life shows what each phase leads to; any other life has to lead to the same.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from support import declared
from support.campaigns.cluster_api import RESOURCES, Api, Document, Mirror, until
from support.campaigns.worlds import entry_of, state_of
from support.far_registry import FarRegistry

_CALM_SECONDS = 2.0
# What a hash or a time stands in, and what differs between two tenants that are declared alike.
_ANNOTATIONS = re.compile(r"(config-hash|secrets-hash|sha256|platform-since)$")
BROKEN = "konstruct-default-deny"
"""The child that a life takes away: it has to be made a second time."""
_THE_CLUSTERS_OWN = {"kube-root-ca.crt", "default"}
PHASES = ("onboarded", "changed", "ended")


@dataclass
class Life:
    """One tenant. `adopted`: in a namespace that is there before it and stays."""

    name: str
    adopted: bool
    api: Api
    mirror: Mirror
    far: FarRegistry
    tenant_id: str = ""

    @property
    def place(self) -> str:
        """The tenant's namespace."""
        return f"team-{self.name}" if self.adopted else f"tenant-{self.name}"

    async def phase(self, which: str) -> None:
        """Do what people do in one phase."""
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "onboarded": self._onboard,
            "changed": self._change,
            "ended": self._end,
        }
        await steps[which]()

    async def leave(self) -> None:
        """Remove what a life leaves in a namespace that it did not make."""
        for kind in ("Agent", "ChannelConnection"):
            await self.api.send("DELETE", RESOURCES[kind].path(self.place))
        await self.api.delete("Namespace", self.place)

    def state(self) -> dict[str, Any]:
        """Return what there is of the tenant, named as every other one's."""
        whole = {
            **state_of(map(_bare, self._there())),
            "registry": entry_of(self.far.named(self.name)),
        }
        if whole["registry"] is not None:
            for agent in whole["registry"]["agents"]:
                del agent["revision"]
        whole["buried"] = self.far.tombstones.get(self.tenant_id, {}).get("onDelete")
        text = json.dumps(whole, sort_keys=True)
        for own, common in ((self.tenant_id or "-", "ID"), (self.name, "NAME")):
            text = text.replace(own, common)
        result: dict[str, Any] = json.loads(text)
        return result

    def is_through(self, which: str) -> bool:
        """Tell whether the operator has seen a phase; more of it may be on its way."""
        tenant = self.mirror.get("Tenant", self.name)
        if which == PHASES[-1]:
            return tenant is None and (self.adopted or not any(self._there()))
        own = [tenant, *self.mirror.inside(self.place, ("Agent", "ChannelConnection"))]
        return len(own) > 2 and all(one is not None and _is_observed(one) for one in own)

    def _there(self) -> Iterator[Document]:
        """Yield everything that lies in the tenant's namespace or is about it."""
        for one in self.mirror.everything():
            metadata = one["metadata"]
            if metadata["name"] in _THE_CLUSTERS_OWN:
                continue
            if (
                metadata.get("namespace") == self.place
                or metadata["name"] in {self.name, self.place}
                or metadata.get("labels", {}).get("konstruct.dev/tenant") == self.name
            ):
                yield one

    async def _onboard(self) -> None:
        if self.adopted:
            await self.api.apply(declared.namespace(self.name))
        made = await self.api.apply(self._tenant(minReplicas=0))
        self.tenant_id = made["metadata"]["uid"]
        there = lambda: self.mirror.get("Namespace", self.place)  # noqa: E731
        await until(there, seconds=60, what=f"the namespace {self.place}")
        await self.api.apply(declared.secret(self.place, "credentials", use="tool"))
        await self.api.apply(self._agent())
        await self.api.apply(declared.connection(self.place))

    async def _change(self) -> None:
        """Change what is declared, and break what follows from it."""
        egress = [{"type": "Internet", "ports": [443]}]
        mcp = {"url": "https://search.example/mcp", "secretRef": {"name": "credentials"}}
        tool = {"name": "search", "type": "MCP", "mcp": mcp, "egress": egress}
        await self.api.apply(self._agent(tools=[tool]))
        changed = self._tenant(minReplicas=2)
        await self.api.apply(changed)
        suspended = {**changed, "spec": {**changed["spec"], "operatingMode": "Suspended"}}
        await self.api.apply(suspended)
        await self.api.apply(self._agent(tools=[tool], persona="Brief."))
        await self.api.delete("NetworkPolicy", BROKEN, self.place)
        await self.api.merge("Deployment", "konstruct-agent", {"spec": {"replicas": 3}}, self.place)
        await self.api.delete("ChannelConnection", "website", self.place)
        await self.api.apply(declared.connection(self.place, "shop"))

    async def _end(self) -> None:
        (await self.api.delete("Tenant", self.name)).or_fail()

    def _tenant(self, **runtime: int) -> Document:
        where = {"namespace": self.place} if self.adopted else {}
        return declared.tenant(self.name, displayName="Acme", runtime=runtime, **where)

    def _agent(self, **spec: Any) -> Document:
        return declared.agent(self.place, **spec)


States = dict[str, dict[str, Any]]
"""What each phase led to."""


async def clean_life(life: Life) -> States:
    """Live a life that nobody disturbs and return where each phase led to."""
    states: States = {}
    for which in PHASES:
        await life.phase(which)
        there = lambda which=which: life.is_through(which)  # noqa: E731
        await until(there, seconds=120, what=f"a clean life, {which}")
        states[which] = await _calm(life)
    await life.leave()
    return states


async def follow(life: Life, clean: States, *, seconds: float) -> list[str]:
    """Live a life and return where it led to something else than the clean one."""
    for which in PHASES:
        await life.phase(which)
        wanted = clean[which]
        try:
            await until(lambda: life.state() == wanted, seconds=seconds)  # noqa: B023 - awaited here
        except TimeoutError:
            return [f"{life.name} {which} {one}" for one in difference(wanted, life.state())]
    await life.leave()
    return []


async def _calm(life: Life) -> dict[str, Any]:
    """Return the state once it has stayed the same for a while."""
    state, since = life.state(), time.monotonic()
    while time.monotonic() - since < _CALM_SECONDS:
        await asyncio.sleep(0.1)
        if (now := life.state()) != state:
            state, since = now, time.monotonic()
    return state


def difference(first: Any, second: Any, at: str = "") -> list[str]:
    """Return where two states differ, and how."""
    if isinstance(first, dict) and isinstance(second, dict):
        return [
            found
            for key in sorted({*first, *second}, key=str)
            for found in difference(first.get(key), second.get(key), f"{at}/{key}")
        ]
    return [] if first == second else [f"{at}: {str(first)[:150]} -> {str(second)[:150]}"]


def _is_observed(document: Document) -> bool:
    generation = document["metadata"]["generation"]
    return bool(document.get("status", {}).get("observedGeneration") == generation)


def _bare(document: Mapping[str, Any]) -> Document:
    metadata = dict(document["metadata"])
    annotations = metadata.pop("annotations", {})
    kept = {key: one for key, one in annotations.items() if not _ANNOTATIONS.search(key)}
    if "konstruct.dev/previous-work-token-sha256" in annotations:
        kept["rolled"] = "a work token was replaced"
    bare = {**document, "metadata": {**metadata, "annotations": kept}}
    if document["kind"] == "Deployment":
        spec = json.loads(json.dumps(bare["spec"]))
        spec["template"]["metadata"].pop("annotations", None)
        bare["spec"] = spec
    return bare
