"""Caches of the operator's labelled children, kept fresh by list and watch.

They serve two ends: a drifted or deleted child is noticed at once, and reading a tenant's children
costs no request. Secrets are never listed nor watched.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.kinds import NAMESPACE, SELECTORS, WATCHED, Kind
from konstruct_operator.cluster.shelf import Kept, Shelf, keep, namespace_of
from konstruct_operator.errors import OperatorError

OnChange = Callable[[Kind, Document], None]
_LONGEST_PAUSE: Final = 30.0

log = structlog.get_logger(__name__)


class Watched:
    """All labelled children of all tenants, by kind, namespace and name."""

    def __init__(
        self, cluster: Cluster, on_change: OnChange, *, namespaces: Sequence[str] = ()
    ) -> None:
        self._cluster = cluster
        self._on_change = on_change
        self._namespaces = tuple(namespaces) or ("",)
        self._shelf = Shelf()
        self._writing: dict[tuple[str, str, str], list[Document]] = {}
        self._waiting = 0
        self._synced = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        streams = self._streams()
        self._waiting = len(streams)
        async with asyncio.TaskGroup() as group:
            for kind, namespace in streams:
                group.create_task(self._follow(kind, namespace))

    async def compare(self) -> None:
        """Find what a watch did not tell of; only metadata is listed, in pages."""
        for kind, namespace in self._streams():
            seen: set[tuple[str, str]] = set()
            version = "0"
            selector = _selector(kind)
            async for page in self._cluster.pages(
                kind, namespace=namespace, selector=selector, metadata_only=True
            ):
                version = page["metadata"]["resourceVersion"]
                for document in page["items"]:
                    place, name = namespace_of(document), document["metadata"]["name"]
                    seen.add((place, name))
                    known = self._shelf.find(kind.kind, name, namespace=place)
                    if known is None or known.version < _version(document):
                        await self._look(kind, name, place)
            self._drop_unseen(kind, namespace, seen, version)

    async def synced(self) -> None:
        """Wait until every collection has been read once."""
        await self._synced.wait()

    @property
    def is_synced(self) -> bool:
        """Return whether every collection has been read once."""
        return self._synced.is_set()

    def find(self, kind: Kind, name: str, *, namespace: str = "") -> Document | None:
        """Return the child as last seen, without managedFields."""
        kept = self._shelf.find(kind.kind, name, namespace=namespace)
        return None if kept is None else self._shelf.document(kept)

    def of_namespace(self, kind: Kind, namespace: str) -> list[Document]:
        """Return the children of one kind in one namespace as last seen."""
        return [self._shelf.document(one) for one in self._shelf.of_namespace(kind.kind, namespace)]

    def kept(self, kind: Kind, name: str, *, namespace: str = "") -> Kept | None:
        """Return the child as last seen, not parsed."""
        return self._shelf.find(kind.kind, name, namespace=namespace)

    async def written(
        self, kind: Kind, name: str, write: Awaitable[Document], *, namespace: str = ""
    ) -> Document:
        """Await a write of ours and remember what it returned; its own echo is no change."""
        address = (kind.kind, namespace, name)
        heard = self._writing.setdefault(address, [])
        try:
            document = await write
        except BaseException:
            for one in heard:
                self._on_change(kind, one)
            raise
        finally:
            self._writing.pop(address, None)
        if names.LABEL_TENANT in document["metadata"].get("labels", {}):
            self._put(kind, document)
        for one in heard:
            if _version(one) != _version(document):
                self._on_change(kind, one)
        return document

    def forget(self, kind: Kind, name: str, *, namespace: str = "") -> None:
        """Remember that the object is gone."""
        self._shelf.remove(kind.kind, name, namespace=namespace)

    async def _follow(self, kind: Kind, namespace: str) -> None:
        pause, first = 0.5, True
        version = ""
        while True:
            try:
                if not version:
                    version = await self._read(kind, namespace)
                    if first:
                        first = False
                        self._waiting -= 1
                        if not self._waiting:
                            self._synced.set()
                version = await self._stream(kind, namespace, version)
                pause = 0.5
            except OperatorError as error:
                log.warning("watch_broken", kind=kind.kind, error=str(error))
                version = ""
                await asyncio.sleep(pause * (0.5 + random.random()))
                pause = min(_LONGEST_PAUSE, pause * 2)

    async def _read(self, kind: Kind, namespace: str) -> str:
        seen: set[tuple[str, str]] = set()
        version = "0"
        async for page in self._cluster.pages(kind, namespace=namespace, selector=_selector(kind)):
            version = page["metadata"]["resourceVersion"]
            for document in page["items"]:
                seen.add((namespace_of(document), document["metadata"]["name"]))
                self._take("MODIFIED", kind, document)
        self._drop_unseen(kind, namespace, seen, version)
        return version

    async def _look(self, kind: Kind, name: str, place: str) -> None:
        found, _ = await self._cluster.list(
            kind, namespace=place, selector=_selector(kind), name=name
        )
        for document in found:
            self._take("MODIFIED", kind, document)

    def _drop_unseen(
        self, kind: Kind, namespace: str, seen: set[tuple[str, str]], version: str
    ) -> None:
        """Forget what a complete list of `version` does not have."""
        for place, name, kept in self._shelf.of_kind(kind.kind):
            ours = not namespace or place == namespace
            if ours and (place, name) not in seen and kept.version <= int(version):
                self._take("DELETED", kind, kept.document())

    def _streams(self) -> list[tuple[Kind, str]]:
        return [
            (kind, namespace)
            for kind in WATCHED
            for namespace in (("",) if kind is NAMESPACE else self._namespaces)
        ]

    async def _stream(self, kind: Kind, namespace: str, version: str) -> str:
        events = self._cluster.watch(
            kind,
            namespace=namespace,
            selector=_selector(kind),
            version=version,
            seconds=random.randint(240, 300),
        )
        async for event in events:
            document = event["object"]
            if event["type"] == "ERROR":
                return ""
            version = document["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._take(event["type"], kind, document)
        return version

    def _take(self, change: str, kind: Kind, document: Document) -> None:
        place, name = namespace_of(document), document["metadata"]["name"]
        known = self._shelf.find(kind.kind, name, namespace=place)
        if change == "DELETED":
            if known is not None and known.version <= _version(document):
                self.forget(kind, name, namespace=place)
        elif known is not None and known.version >= _version(document):
            return
        else:
            self._put(kind, document)
            heard = self._writing.get((kind.kind, place, name))
            if heard is not None:
                heard.append(document)
                return
        self._on_change(kind, document)

    def _put(self, kind: Kind, document: Document) -> None:
        name, place = document["metadata"]["name"], namespace_of(document)
        known, new = self._shelf.find(kind.kind, name, namespace=place), keep(document)
        if known is None or known.version < new.version:
            self._shelf.put(kind.kind, new, name, namespace=place)


def _version(document: Document) -> int:
    return int(document["metadata"]["resourceVersion"])


def _selector(kind: Kind) -> str:
    return SELECTORS.get(kind, names.CHILD_SELECTOR)
