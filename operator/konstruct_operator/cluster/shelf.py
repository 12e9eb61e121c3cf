"""Where objects of the API are kept between looks: many of them, each in little memory.

A parsed object takes ten times the memory of its text, and every full garbage collection walks over
all of it; and the text itself, mostly conditions, shrinks to a fifth. A look reads a handful of
objects, some of them several times; the last few are therefore kept parsed as well.
"""

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

from konstruct_operator.cluster.client import Document

_PARSED: Final = 128
"""How many objects are kept parsed: a tenant's children for each of eight workers, and some."""


class Kept(NamedTuple):
    """One object. `packed` is its JSON, compressed, `declared` a hash of what is declared.

    The declared part is all that others than its controller write: spec (by its generation),
    labels, annotations, and that it is being deleted.
    """

    uid: str
    version: int
    declared: int
    packed: bytes

    @property
    def text(self) -> bytes:
        """Return the object's JSON, without managedFields."""
        return zlib.decompress(self.packed)

    def document(self) -> Document:
        """Return the object."""
        found: Document = json.loads(self.text)
        return found


class Shelf:
    """Objects by kind, namespace ('' without one) and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, dict[str, Kept]]] = {}
        self._parsed: OrderedDict[Kept, Document] = OrderedDict()

    def find(self, kind: str, name: str, *, namespace: str = "") -> Kept | None:
        """Return an object, or None."""
        return self._objects.get(kind, {}).get(namespace, {}).get(name)

    def of_namespace(self, kind: str, namespace: str) -> list[Kept]:
        """Return the objects of one kind in one namespace."""
        return list(self._objects.get(kind, {}).get(namespace, {}).values())

    def of_kind(self, kind: str) -> Iterator[tuple[str, str, Kept]]:
        """Yield (namespace, name, object) of every object of a kind there is at this moment."""
        for namespace, objects in list(self._objects.get(kind, {}).items()):
            for name, kept in list(objects.items()):
                yield namespace, name, kept

    def document(self, kept: Kept) -> Document:
        """Return an object parsed. It may be handed out again: nobody changes it."""
        found = self._parsed.get(kept)
        if found is None:
            found = self._parsed[kept] = kept.document()
            if len(self._parsed) > _PARSED:
                self._parsed.popitem(last=False)
        else:
            self._parsed.move_to_end(kept)
        return found

    def put(self, kind: str, kept: Kept, name: str, *, namespace: str = "") -> None:
        """Keep an object in place of what was known of it."""
        self._objects.setdefault(kind, {}).setdefault(namespace, {})[name] = kept

    def remove(self, kind: str, name: str, *, namespace: str = "") -> None:
        """Drop an object; absent is fine."""
        namespaces = self._objects.get(kind, {})
        objects = namespaces.get(namespace)
        if objects is not None:
            objects.pop(name, None)
            if not objects:
                del namespaces[namespace]


def keep(document: Document) -> Kept:
    """Return an object as it is kept."""
    metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
    slim = {**document, "metadata": metadata}
    written_by_others = (
        metadata.get("generation"),
        metadata.get("labels"),
        metadata.get("annotations"),
        metadata.get("deletionTimestamp"),
    )
    return Kept(
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        declared=hash(json.dumps(written_by_others, sort_keys=True)),
        packed=zlib.compress(_text(slim), zlib.Z_BEST_SPEED),
    )


def _text(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def namespace_of(document: Document) -> str:
    """Return the namespace an object lies in, '' without one."""
    return str(document["metadata"].get("namespace") or "")
