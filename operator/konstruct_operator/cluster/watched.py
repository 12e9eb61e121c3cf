"""Caches of the operator's labelled children, kept fresh by list and watch.

They serve two ends: a drifted or deleted child is noticed at once, and reading a tenant's children
costs no request. Secrets are never listed nor watched.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from konstruct_operator import names
from konstruct_operator.cluster.client import Cluster, Document
from konstruct_operator.cluster.kinds import NAMESPACE, SELECTORS, WATCHED, Kind
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
        self._objects: dict[tuple[str, str], dict[str, Document]] = {}
        self._waiting = 0
        self._synced = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        streams = [
            (kind, namespace)
            for kind in WATCHED
            for namespace in (("",) if kind is NAMESPACE else self._namespaces)
        ]
        self._waiting = len(streams)
        async with asyncio.TaskGroup() as group:
            for kind, namespace in streams:
                group.create_task(self._follow(kind, namespace))

    async def synced(self) -> None:
        """Wait until every collection has been read once."""
        await self._synced.wait()

    @property
    def is_synced(self) -> bool:
        """Return whether every collection has been read once."""
        return self._synced.is_set()

    def find(self, kind: Kind, name: str, *, namespace: str = "") -> Document | None:
        """Return the child as last seen, without managedFields."""
        return self._objects.get((kind.kind, namespace), {}).get(name)

    def of_namespace(self, kind: Kind, namespace: str) -> list[Document]:
        """Return the children of one kind in one namespace as last seen."""
        return list(self._objects.get((kind.kind, namespace), {}).values())

    def note(self, kind: Kind, document: Document) -> None:
        """Remember what a write returned, so that the next look need not wait for the watch."""
        if names.LABEL_TENANT in document["metadata"].get("labels", {}):
            self._put(kind, _slim(document))

    def forget(self, kind: Kind, name: str, *, namespace: str = "") -> None:
        """Remember that the object is gone."""
        self._objects.get((kind.kind, namespace), {}).pop(name, None)

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
        documents, version = await self._cluster.list(
            kind, namespace=namespace, selector=_selector(kind), from_cache=True
        )
        seen = {(_namespace(one), one["metadata"]["name"]) for one in documents}
        for document in documents:
            self._take("MODIFIED", kind, document)
        for (name_of_kind, place), objects in list(self._objects.items()):
            if name_of_kind != kind.kind or (namespace and place != namespace):
                continue
            for name, document in list(objects.items()):
                if (place, name) not in seen:
                    self._take("DELETED", kind, document)
        return version

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
        slim = _slim(document)
        known = self.find(kind, slim["metadata"]["name"], namespace=_namespace(slim))
        if change == "DELETED":
            self.forget(kind, slim["metadata"]["name"], namespace=_namespace(slim))
        elif known is not None and _version(known) >= _version(slim):
            return
        else:
            self._put(kind, slim)
        self._on_change(kind, slim)

    def _put(self, kind: Kind, document: Document) -> None:
        place = self._objects.setdefault((kind.kind, _namespace(document)), {})
        place[document["metadata"]["name"]] = document


def _namespace(document: Document) -> str:
    return str(document["metadata"].get("namespace", ""))


def _version(document: Document) -> int:
    return int(document["metadata"]["resourceVersion"])


def _slim(document: Document) -> Document:
    metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
    return {**document, "metadata": metadata}


def _selector(kind: Kind) -> str:
    return SELECTORS.get(kind, names.CHILD_SELECTOR)
