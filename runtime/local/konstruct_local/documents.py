"""YAML documents as `kubectl apply` takes them, each with the lines its fields stand on. Pure.

A file is cut into its documents before anything is parsed: an edit of one document leaves every
byte of the others as it was, and lines are known even where the YAML is broken.
"""

import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scalarfloat import ScalarFloat
from ruamel.yaml.scalarint import ScalarInt
from ruamel.yaml.scalarstring import ScalarString

from konstruct_local.errors import Fault

_SEPARATOR = re.compile(r"^(---)(\s.*)?$")
_END = re.compile(r"^\.\.\.(\s.*)?$")
_STEP = re.compile(r"\[(\d+)\]|\[['\"]?([^\]'\"]+)['\"]?\]|([^.\[\]]+)")
_WIDE = 1_000_000
# What YAML 1.1 reads as truth values and kubectl therefore does too; quoted they stay text.
_TRUTH = {"y": True, "yes": True, "on": True, "n": False, "no": False, "off": False}
_DEFAULT_NAMESPACE = "default"
_CLUSTER_SCOPED = frozenset({"Tenant", "AgentTemplate", "Namespace"})

Key = tuple[str, str, str]
"""Kind, namespace (empty for cluster-scoped kinds) and name."""


@dataclass(frozen=True)
class Piece:
    """The text of one document within its file: `lines[start:end]`, counted from 0."""

    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One object of a file. `content` is plain JSON data; `node` remembers lines and comments."""

    file: str
    piece: Piece
    node: CommentedMap
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind the document declares."""
        return str(self.content.get("kind", ""))

    @property
    def api_version(self) -> str:
        """The group and version the document declares."""
        return str(self.content.get("apiVersion", ""))

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self._metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        """The object's namespace: `default` where none is named, empty where kinds have none."""
        if self.kind in _CLUSTER_SCOPED:
            return ""
        return str(self._metadata.get("namespace") or _DEFAULT_NAMESPACE)

    @property
    def key(self) -> Key:
        """What two documents of a folder may not share."""
        return (self.kind, self.namespace, self.name)

    @property
    def line(self) -> int:
        """The line, from 1, on which the object begins."""
        return self.piece.start + int(self.node.lc.line) + 1

    def line_of(self, field: str) -> int:
        """Return the line, from 1, of a dotted field (`spec.tools[0].http.url`).

        For a field that is not there it is the line of the nearest object around it.
        """
        line, node = self.line, cast("Any", self.node)
        for step in _steps(field):
            try:
                if isinstance(node, CommentedMap):
                    line = self.piece.start + int(node.lc.key(step)[0]) + 1
                    node = node[step]
                elif isinstance(node, CommentedSeq):
                    index = int(step)
                    line = self.piece.start + int(node.lc.item(index)[0]) + 1
                    node = node[index]
                else:
                    break
            except (KeyError, IndexError, ValueError, TypeError, AttributeError):
                break
        return line

    def fault(self, field: str, reason: str) -> Fault:
        """Return a fault at a field of this document."""
        return Fault(file=self.file, line=self.line_of(field), field=field, reason=reason)

    @property
    def _metadata(self) -> Mapping[str, Any]:
        metadata = self.content.get("metadata")
        return metadata if isinstance(metadata, dict) else {}


def read_documents(text: str, file: str) -> tuple[list[Document], list[Fault]]:
    """Return the objects in a file's text and what cannot be read; `file` is its name to people."""
    documents: list[Document] = []
    faults: list[Fault] = []
    lines = text.splitlines(keepends=True)
    for piece in cut(lines):
        try:
            node = round_trip().load("".join(lines[piece.start : piece.end]))
        except MarkedYAMLError as error:
            faults.append(_broken(file, piece, error))
            continue
        except (YAMLError, ValueError) as error:
            faults.append(Fault(file, piece.start + 1, "", _first_line(str(error))))
            continue
        if node is None:
            continue
        if not isinstance(node, CommentedMap):
            reason = "an object is expected here: apiVersion, kind, metadata, spec"
            faults.append(Fault(file, piece.start + 1, "", reason))
            continue
        documents.append(Document(file, piece, node, plain(node)))
    return documents, faults


def cut(lines: list[str]) -> Iterator[Piece]:
    """Yield where each document's body lies, without its `---` and `...` lines."""
    start = 0
    for number, line in enumerate(lines):
        bare = line.rstrip("\r\n")
        if _SEPARATOR.match(bare) or _END.match(bare):
            if number > start:
                yield Piece(start, number)
            start = number + 1
    if start < len(lines):
        yield Piece(start, len(lines))


def round_trip(*, mapping: int = 2, sequence: int = 2, offset: int = 0) -> YAML:
    """Return a reader and writer that keeps comments, quotes and order."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def dump(node: CommentedMap, yaml: YAML) -> str:
    """Return one document's text."""
    out = io.StringIO()
    yaml.dump(node, out)
    return out.getvalue()


def plain(node: Any) -> Any:
    """Return what an API server would get: dicts, lists, text, numbers, truth values, null."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [plain(one) for one in node]
    return _plain_scalar(node)


def _plain_scalar(node: Any) -> Any:
    styled = ((ScalarBoolean, bool), (ScalarString, str), (ScalarInt, int), (ScalarFloat, float))
    for style, simple in styled:
        if isinstance(node, style):
            return simple(node)
    if isinstance(node, dt.date | dt.datetime):
        return node.isoformat()
    if isinstance(node, str) and len(node) <= 3:  # noqa: PLR2004 - the longest truth word
        return _TRUTH.get(node.lower(), node)
    return node


def _steps(field: str) -> Iterator[str]:
    for match in _STEP.finditer(field):
        yield next(group for group in match.groups() if group is not None)


def _broken(file: str, piece: Piece, error: MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line = piece.start + (int(mark.line) if mark is not None else 0) + 1
    reason = _first_line(error.problem or str(error))
    context = f"{_first_line(error.context)}: " if error.context else ""
    return Fault(file, line, "", f"{context}{reason}")


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "cannot be read as YAML"
