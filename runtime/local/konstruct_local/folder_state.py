"""What a folder declares: which files are accepted, which edits are refused and why. Pure.

An edit is accepted or refused as a whole file, and while it is refused the file's last accepted
state stays in effect.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from konstruct_crds import validate
from konstruct_local.documents import Document, Key, read_documents
from konstruct_local.errors import Fault

API_VERSION = "konstruct.dev/v1alpha1"
KINDS = ("Tenant", "Agent", "ChannelConnection", "AgentTemplate")
_CORE_KINDS = ("Namespace", "Secret")

Statuses = Mapping[Key, dict[str, Any]]


@dataclass(frozen=True)
class AcceptedFile:
    """A file's text and the objects in it; documents of foreign kinds are only counted."""

    text: str
    documents: tuple[Document, ...] = ()
    foreign: int = 0


@dataclass(frozen=True)
class FolderState:
    """Files by their name to people, accepted and refused. One object per key."""

    files: Mapping[str, AcceptedFile] = field(default_factory=dict)
    refused: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    @property
    def documents(self) -> dict[Key, Document]:
        """Every accepted object by its key."""
        return {
            document.key: document for file in self.files.values() for document in file.documents
        }

    @property
    def faults(self) -> list[Fault]:
        """Why edits are refused, in the order of files and lines."""
        return sorted(fault for faults in self.refused.values() for fault in faults)

    def of_kind(self, kind: str) -> list[Document]:
        """Return the accepted objects of a kind, by namespace and name."""
        found = [one for one in self.documents.values() if one.kind == kind]
        return sorted(found, key=lambda one: one.key)


def advance(
    previous: FolderState, texts: Mapping[str, str], statuses: Statuses | None = None
) -> FolderState:
    """Return the state after the folder came to hold `texts` (file name -> text).

    A changed file that is valid replaces what it declared; an invalid one is refused and leaves it.
    Files that are gone take their objects with them. `statuses` are those of the present objects:
    rules on frozen fields look at them too.
    """
    before = {
        key: {**document.content, "status": (statuses or {}).get(key, {})}
        for key, document in previous.documents.items()
    }
    files: dict[str, AcceptedFile] = {}
    refused: dict[str, tuple[Fault, ...]] = {}
    changed: list[str] = []
    for name in sorted(texts):
        old = previous.files.get(name)
        if old is not None and old.text == texts[name]:
            files[name] = old
            continue
        fresh, faults = read_file(texts[name], name, before)
        if faults:
            refused[name] = tuple(faults)
            if old is not None:
                files[name] = old
        else:
            files[name] = fresh
            changed.append(name)
    _refuse_duplicates(previous, files, refused, changed)
    return FolderState(files=files, refused=refused)


def read_file(
    text: str, name: str, before: Mapping[Key, dict[str, Any]]
) -> tuple[AcceptedFile, list[Fault]]:
    """Return what a file declares, and every reason to refuse it.

    `before` are the objects declared so far: rules on frozen fields compare with them.
    """
    documents, faults = read_documents(text, name)
    ours = [one for one in documents if is_ours(one)]
    for document in ours:
        faults += faults_of(document, before.get(document.key))
    seen: dict[Key, Document] = {}
    for document in ours:
        first = seen.setdefault(document.key, document)
        if first is not document:
            faults.append(_duplicate(document, first))
    accepted = AcceptedFile(text, tuple(ours), foreign=len(documents) - len(ours))
    return accepted, sorted(faults)


def is_ours(document: Document) -> bool:
    """Tell whether Konstruct reads this object; other kinds may lie in the same folder."""
    group = document.api_version.split("/")[0]
    return (
        group == API_VERSION.split("/", maxsplit=1)[0]
        or (document.api_version == "v1" and document.kind in _CORE_KINDS)
        or not (document.api_version and document.kind)
    )


def faults_of(document: Document, old: dict[str, Any] | None) -> list[Fault]:
    """Return why one object is refused: what the API server would say, or what core kinds need."""
    if not document.api_version or not document.kind:
        return [document.fault("kind", "apiVersion and kind are needed")]
    if document.api_version == "v1":
        return _faults_of_core(document)
    if document.api_version != API_VERSION:
        reason = f"the only version is {API_VERSION}"
        return [document.fault("apiVersion", reason)]
    if document.kind not in KINDS:
        reason = f"there is no kind {document.kind}; write one of {', '.join(KINDS)}"
        return [document.fault("kind", reason)]
    problems = validate(document.content, old=old)
    return [document.fault(problem.path, problem.message) for problem in problems]


def secret_data(content: Mapping[str, object]) -> dict[str, str]:
    """Return a Secret's data as text; `stringData` wins. Raises ValueError for bad base64."""
    data: dict[str, str] = {}
    encoded, written = content.get("data"), content.get("stringData")
    for name, value in (encoded if isinstance(encoded, dict) else {}).items():
        try:
            data[name] = base64.b64decode(str(value), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(name) from error
    for name, value in (written if isinstance(written, dict) else {}).items():
        data[name] = str(value)
    return data


def _faults_of_core(document: Document) -> list[Fault]:
    if not document.name:
        return [document.fault("metadata.name", "a name is needed")]
    if document.kind == "Secret":
        try:
            secret_data(document.content)
        except ValueError as error:
            reason = "the value is not text in base64; plain text belongs in stringData"
            return [document.fault(f"data.{error}", reason)]
    return []


def _refuse_duplicates(
    previous: FolderState,
    files: dict[str, AcceptedFile],
    refused: dict[str, tuple[Fault, ...]],
    changed: list[str],
) -> None:
    """Take back changed files that declare what another file declares, the last ones first."""
    for name in reversed(changed):
        others = {
            document.key: document
            for other, file in files.items()
            if other != name
            for document in file.documents
        }
        twice = [one for one in files[name].documents if one.key in others]
        if not twice:
            continue
        refused[name] = tuple(_duplicate(one, others[one.key]) for one in twice)
        if name in previous.files:
            files[name] = previous.files[name]
        else:
            del files[name]


def _duplicate(document: Document, first: Document) -> Fault:
    kind, namespace, name = document.key
    where = f" in namespace {namespace}" if namespace else ""
    reason = f"{kind} {name}{where} is declared in {first.file}:{first.line} already"
    return document.fault("metadata.name", reason)
