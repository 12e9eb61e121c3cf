"""Secrets that the portal wrote: one file each in `.konstruct/secrets`, readable by its owner."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from konstruct_local import edits
from konstruct_local.documents import Document
from konstruct_local.folder_disk import replace_file
from konstruct_local.folder_state import FolderState
from konstruct_local.home import write_atomically
from konstruct_portal.resources import GROUP, ResourcesUnavailable, secret_document

_MODE = 0o600
_RANDOM_BYTES = 4
_WRITTEN_BY = f"{GROUP}/written-by"


class SecretFolder(Protocol):
    """What is needed of the folder: where it is, what it holds, reading it again."""

    root: Path
    state: FolderState

    async def read(self) -> FolderState:
        """Read the folder again."""
        ...


class SecretFiles:
    """Writes Secrets as the portal asks for them, and takes away those that it has replaced."""

    def __init__(self, folder: SecretFolder) -> None:
        self._folder = folder

    async def create(
        self, namespace: str, prefix: str, data: Mapping[str, str], *, use: str
    ) -> str:
        """Keep a Secret under a new name; return the name. Raises ResourcesUnavailable."""
        name = f"{prefix}{secrets.token_hex(_RANDOM_BYTES)}"
        content = secret_document(prefix, data, use=use, name=name)
        content["metadata"]["namespace"] = namespace
        path = self._folder.root / f"{namespace}-{name}.yaml"
        text = edits.new_document(content)
        try:
            await asyncio.to_thread(write_atomically, path, text, mode=_MODE)
            await self._folder.read()
        except OSError as error:
            raise ResourcesUnavailable(f"{path}: {error.strerror}") from error
        return name

    async def tidy(self, before: FolderState, after: FolderState) -> None:
        """Remove the portal's Secrets that were referred to before a write and are no longer.

        In a cluster the operator does this.
        """
        gone = set(_referred_to(before)) - set(_referred_to(after))
        left = [
            one
            for one in self._folder.state.of_kind("Secret")
            if _is_the_portals(one) and (one.namespace, one.name) in gone
        ]
        for document in left:
            text = edits.without(self._folder.state.files[document.file].text, document)
            await asyncio.to_thread(replace_file, Path(document.file), text)
            await self._folder.read()


def _is_the_portals(document: Document) -> bool:
    labels = document.content["metadata"].get("labels") or {}
    return bool(labels.get(_WRITTEN_BY) == "portal")


def _referred_to(declared: FolderState) -> Iterator[tuple[str, str]]:
    for document in declared.documents.values():
        for name in _names_in(document.content.get("spec")):
            yield document.namespace, name


def _names_in(node: Any) -> Iterator[str]:
    """Yield the names of all Secrets that a spec refers to, at any depth."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if str(key).lower().endswith("secretref") and isinstance(value, Mapping):
                yield str(value.get("name", ""))
            else:
                yield from _names_in(value)
    elif isinstance(node, list):
        for one in node:
            yield from _names_in(one)
