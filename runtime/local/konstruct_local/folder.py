"""The portal's port to resources, over a folder of YAML."""

import asyncio
import copy
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from konstruct_crds import validate
from konstruct_local import edits
from konstruct_local.documents import Document, plain, read_documents
from konstruct_local.errors import Fault
from konstruct_local.folder_disk import read_folder, replace_file
from konstruct_local.folder_secrets import SecretFiles
from konstruct_local.folder_state import API_VERSION, FolderState, Statuses, advance
from konstruct_portal.resources import (
    KINDS,
    Problem,
    Resource,
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourcesUnavailable,
)


class Folder:
    """A folder and what of it is accepted; `state` is replaced as a whole, never changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = FolderState()
        self._reading = asyncio.Lock()

    async def read(self, statuses: Statuses | None = None) -> FolderState:
        """Read the folder again and return the new state; `statuses` are the present objects'.

        Raises OSError when the folder itself is gone.
        """
        async with self._reading:  # an older look must not end after a newer one
            return await self._read(statuses)

    async def _read(self, statuses: Statuses | None) -> FolderState:
        texts, faults = await asyncio.to_thread(read_folder, self.root)
        if not texts and not self.root.is_dir():
            raise FileNotFoundError(str(self.root))
        for fault in faults:  # a file that cannot be read keeps what it declared
            kept = self.state.files.get(fault.file)
            if kept is not None:
                texts[fault.file] = kept.text
        state = await asyncio.to_thread(advance, self.state, texts, statuses)
        refused: dict[str, tuple[Fault, ...]] = dict(state.refused)
        for fault in faults:
            refused[fault.file] = (fault,)
        self.state = FolderState(files=state.files, refused=refused)
        return self.state


class FolderResources:
    """Resources as the folder declares them; edits go into its files and keep their comments.

    `statuses` returns what is known of each resource now; `changed` is called after every edit.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        secrets: Folder,
        statuses: Callable[[], Statuses],
        changed: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._secrets = SecretFiles(secrets)
        self._statuses = statuses
        self._changed = changed
        self._writing = asyncio.Lock()

    @property
    def editable(self) -> bool:
        """A folder can always be written, unless the disk says otherwise."""
        return True

    async def list(self, kind: str, *, namespace: str | None = None) -> list[Resource]:
        """Return all resources of a kind, by namespace and name."""
        return [
            self._resource(document)
            for document in self._folder.state.of_kind(kind)
            if namespace is None or document.namespace == namespace
        ]

    async def get(self, kind: str, name: str, *, namespace: str | None = None) -> Resource:
        """Return one resource. Raises ResourceNotFound."""
        for document in self._folder.state.of_kind(kind):
            if document.name == name and namespace in {None, document.namespace}:
                return self._resource(document)
        raise ResourceNotFound(kind, name)

    async def replace_spec(
        self, resource: Resource, spec: dict[str, Any], *, dry_run: bool = False
    ) -> Resource:
        """Write a whole new spec into the file that declares the resource.

        Raises ResourceNotFound, ResourceConflict when it changed since it was read or its file
        has an edit that is refused, ResourceInvalid with every broken rule.
        """
        async with self._writing:
            document = await self._current(resource)
            content = {**copy.deepcopy(document.content), "spec": plain(spec)}
            old = {**document.content, "status": self._statuses().get(document.key, {})}
            problems = validate(content, old=old)
            if problems:
                raise ResourceInvalid([Problem(one.path, one.message) for one in problems])
            text = edits.with_spec(
                self._folder.state.files[document.file].text, document, content["spec"]
            )
            self._prove(text, document, content)
            if dry_run:
                return dataclasses.replace(resource, spec=content["spec"])
            before = self._folder.state
            await self._write(document.file, text)
            await self._secrets.tidy(before, self._folder.state)
        return await self.get(resource.kind, resource.name, namespace=resource.namespace or None)

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """Declare a resource in a file of its own.

        Raises ResourceConflict when the name is taken, ResourceInvalid with every broken rule.
        """
        content = _content_of(resource)
        async with self._writing:
            await self._read()
            key = (resource.kind, resource.namespace, resource.name)
            taken = self._folder.state.documents.get(key)
            if taken is not None:
                raise ResourceConflict(
                    taken.file, f"{resource.kind} {resource.name} is declared in {taken.file}."
                )
            problems = validate(content)
            if problems:
                raise ResourceInvalid([Problem(one.path, one.message) for one in problems])
            if dry_run:
                return resource
            path = _free_path(self._folder.root, resource)
            await self._write(str(path), edits.new_document(content))
        return await self.get(resource.kind, resource.name, namespace=resource.namespace or None)

    async def delete(self, resource: Resource) -> None:
        """Remove the resource from its file, and the file when nothing else is in it."""
        async with self._writing:
            document = await self._current(resource)
            text = edits.without(self._folder.state.files[document.file].text, document)
            before = self._folder.state
            await self._write(document.file, text)
            await self._secrets.tidy(before, self._folder.state)

    async def create_secret(
        self, namespace: str, prefix: str, data: Mapping[str, str], *, use: str
    ) -> str:
        """Keep a Secret in a file of its own that nobody else may read."""
        async with self._writing:
            name = await self._secrets.create(namespace, prefix, data, use=use)
        self._changed()
        return name

    async def _current(self, resource: Resource) -> Document:
        """Return the document of a resource that nobody changed since it was read."""
        state = await self._read()
        key = (resource.kind, resource.namespace, resource.name)
        document = state.documents.get(key)
        if document is None:
            raise ResourceNotFound(resource.kind, resource.name)
        faults = state.refused.get(document.file)
        if faults:
            raise ResourceConflict(
                document.file, f"{document.file} has an edit that is refused: {faults[0]}"
            )
        if resource.resource_version not in {"", _version(document.content)}:
            raise ResourceConflict("", f"{document.file} was changed in between.")
        return document

    async def _read(self) -> FolderState:
        try:
            return await self._folder.read(self._statuses())
        except OSError as error:
            raise ResourcesUnavailable(f"{self._folder.root}: {error.strerror}") from error

    async def _write(self, file: str, text: str) -> None:
        try:
            await asyncio.to_thread(replace_file, Path(file), text)
        except OSError as error:
            raise ResourcesUnavailable(f"{file}: {error.strerror}") from error
        await self._read()
        self._changed()

    @staticmethod
    def _prove(text: str, document: Document, wanted: dict[str, Any]) -> None:
        """Never write a text that would not read back as what was asked for."""
        documents, faults = read_documents(text, document.file)
        found = next((one for one in documents if one.key == document.key), None)
        if faults or found is None or found.content != wanted:
            raise ResourceConflict(
                document.file,
                f"{document.file} is written in a way that cannot be edited safely here;"
                " edit the file.",
            )

    def _resource(self, document: Document) -> Resource:
        metadata = document.content.get("metadata", {})
        return Resource(
            kind=document.kind,
            name=document.name,
            namespace=document.namespace,
            spec=copy.deepcopy(document.content.get("spec") or {}),
            status=copy.deepcopy(self._statuses().get(document.key, {})),
            resource_version=_version(document.content),
            source=f"{document.file}:{document.line}",
            annotations=dict(metadata.get("annotations") or {}),
        )


def _content_of(resource: Resource) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": resource.name}
    if KINDS[resource.kind][1]:
        metadata["namespace"] = resource.namespace
    if resource.annotations:
        metadata["annotations"] = dict(resource.annotations)
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": plain(resource.spec),
    }


def _free_path(root: Path, resource: Resource) -> Path:
    parts = (resource.namespace, resource.kind.lower(), resource.name)
    stem = "-".join(part for part in parts if part)
    candidates = [root / f"{stem}.yaml", *(root / f"{stem}-{n}.yaml" for n in range(2, 100))]
    return next(path for path in candidates if not path.exists())


def _version(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
