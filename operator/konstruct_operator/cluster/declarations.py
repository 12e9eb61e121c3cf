"""What is declared: all objects of our own kinds, as the watches tell and the sweeps list them.

A look reads its tenant here and asks the API server nothing. What a watch failed to tell of is
found by the next sweep, which compares the versions of everything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.template import AgentTemplate
from konstruct_crds.tenant import Tenant
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.kinds import AGENT, CONNECTION, TEMPLATE, TENANT, Kind
from konstruct_operator.cluster.shelf import Kept, Shelf, keep, namespace_of

OnDeclared = Callable[[str, str, str], None]
"""Called with the kind, namespace ('' without one) and name of what others changed."""

Address = tuple[str, str, str]
_Model = TypeVar("_Model", Tenant, Agent, ChannelConnection, AgentTemplate)
OWN_KINDS: Final = (TENANT, AGENT, CONNECTION, TEMPLATE)


class Declarations:
    """The objects of our kinds as last seen, those of deleted ones gone."""

    def __init__(self, on_change: OnDeclared) -> None:
        self._on_change = on_change
        self._shelf = Shelf()
        self._writing: dict[Address, list[int]] = {}
        self._complete = asyncio.Event()

    async def complete(self) -> None:
        """Wait until everything was listed once: only then an absent object is none."""
        await self._complete.wait()

    def tenant(self, name: str) -> Tenant | None:
        """Return a Tenant, or None."""
        return _parsed(Tenant, self._shelf.find(TENANT.kind, name))

    def template(self, name: str) -> AgentTemplate | None:
        """Return an AgentTemplate, or None."""
        return _parsed(AgentTemplate, self._shelf.find(TEMPLATE.kind, name))

    def agents(self, namespace: str) -> tuple[Agent, ...]:
        """Return the Agents of a namespace, those being deleted included."""
        return self._all(Agent, AGENT, namespace)

    def connections(self, namespace: str) -> tuple[ChannelConnection, ...]:
        """Return the ChannelConnections of a namespace, those being deleted included."""
        return self._all(ChannelConnection, CONNECTION, namespace)

    def count(self, namespace: str) -> int:
        """Return how many Agents and ChannelConnections a namespace has."""
        kinds = (AGENT, CONNECTION)
        return sum(len(self._shelf.of_namespace(one.kind, namespace)) for one in kinds)

    def names(self, kind: Kind) -> list[tuple[str, str]]:
        """Return (namespace, name) of every object of a kind."""
        return [(namespace, name) for namespace, name, _ in self._shelf.of_kind(kind.kind)]

    def hear(self, change: str | None, document: Document) -> None:
        """Take in what a watch tells; whatever we do not know yet is a change."""
        kind, namespace, name = address = _address(document)
        new = keep(document)
        known = self._shelf.find(kind, name, namespace=namespace)
        if change == "DELETED":
            if known is not None and known.version <= new.version:
                self._shelf.remove(kind, name, namespace=namespace)
            self._on_change(*address)
            return
        if known is not None and known.version == new.version:
            return
        if known is None or known.version < new.version:
            self._shelf.put(kind, new, name, namespace=namespace)
        if address in self._writing:
            self._writing[address].append(new.version)
        else:
            self._on_change(*address)

    def forget(self, kind: Kind, name: str, *, uid: str, namespace: str = "") -> None:
        """Drop an object that turned out to be gone, not one of the same name made since."""
        known = self._shelf.find(kind.kind, name, namespace=namespace)
        if known is not None and known.uid == uid:
            self._shelf.remove(kind.kind, name, namespace=namespace)

    async def written(self, address: Address, write: Awaitable[Document]) -> None:
        """Await a write of ours on an object: its own echo is no change, anything else is one."""
        heard = self._writing.setdefault(address, [])
        try:
            new = keep(await write)
        except BaseException:
            if heard:
                self._on_change(*address)
            raise
        finally:
            self._writing.pop(address, None)
        kind, namespace, name = address
        known = self._shelf.find(kind, name, namespace=namespace)
        if known is not None and known.uid == new.uid and known.version < new.version:
            self._shelf.put(kind, new, name, namespace=namespace)
            if known.declared != new.declared:
                self._on_change(*address)
        if any(version != new.version for version in heard):
            self._on_change(*address)

    async def read(self, cluster: Cluster, namespaces: Iterable[str]) -> list[tuple[str, str]]:
        """Compare with what the API server lists; return (uid, resourceVersion) of everything.

        The first time the objects themselves are listed, later no more than their metadata, in
        pages: then a read costs little memory and others have their turn.
        """
        first = not self._complete.is_set()
        listed: list[tuple[str, str]] = []
        for kind in OWN_KINDS:
            for place in namespaces if kind.namespaced else ("",):
                await self._read(cluster, kind, place, listed, metadata_only=not first)
        self._complete.set()
        return listed

    async def _read(
        self,
        cluster: Cluster,
        kind: Kind,
        place: str,
        listed: list[tuple[str, str]],
        *,
        metadata_only: bool,
    ) -> None:
        seen: set[tuple[str, str]] = set()
        version = 0
        async for page in cluster.pages(kind, namespace=place, metadata_only=metadata_only):
            version = int(page["metadata"]["resourceVersion"])
            for document in page["items"]:
                metadata = document["metadata"]
                namespace, name = namespace_of(document), metadata["name"]
                seen.add((namespace, name))
                listed.append((metadata["uid"], metadata["resourceVersion"]))
                known = self._shelf.find(kind.kind, name, namespace=namespace)
                if known is not None and known.version >= int(metadata["resourceVersion"]):
                    continue
                found: Document | None = document | {"kind": kind.kind}
                if metadata_only:
                    found = await cluster.find(kind, name, namespace=namespace)
                if found is not None:
                    self.hear("MODIFIED", found)
        for namespace, name, kept in self._shelf.of_kind(kind.kind):
            ours = not place or namespace == place
            if ours and (namespace, name) not in seen and kept.version <= version:
                self._shelf.remove(kind.kind, name, namespace=namespace)
                self._on_change(kind.kind, namespace, name)

    def _all(self, model: type[_Model], kind: Kind, namespace: str) -> tuple[_Model, ...]:
        kept = self._shelf.of_namespace(kind.kind, namespace)
        return tuple(model.model_validate_json(one.text) for one in kept)


def _parsed(model: type[_Model], kept: Kept | None) -> _Model | None:
    return None if kept is None else model.model_validate_json(kept.text)


def _address(document: Document) -> Address:
    return document["kind"], namespace_of(document), document["metadata"]["name"]
