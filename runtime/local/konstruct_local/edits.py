"""Editing one document of a YAML file: comments, quotes and everybody else's lines stay. Pure."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from konstruct_local.documents import Document, Piece, dump, plain, round_trip

# How people indent: (mapping, sequence, offset), the most usual first.
_INDENTATIONS = tuple(
    (mapping, sequence, offset)
    for mapping in (2, 4)
    for sequence, offset in ((2, 0), (4, 2), (6, 4), (2, 2), (3, 1))
)


def with_spec(text: str, document: Document, spec: dict[str, Any]) -> str:
    """Return the file's `text` with the spec of `document` replaced, and nothing else touched."""
    yaml, body = _writer(text, document.piece)
    node = yaml.load(body)
    if isinstance(node.get("spec"), CommentedMap):
        _merge_map(node["spec"], spec)
    else:
        node["spec"] = _styled(spec)
    return _spliced(text, document.piece, dump(node, yaml))


def without(text: str, document: Document) -> str:
    """Return the file's `text` without a document; empty when nothing is left but comments."""
    lines = text.splitlines(keepends=True)
    piece = document.piece
    start = piece.start - 1 if piece.start and lines[piece.start - 1].startswith("---") else 0
    left = lines[: min(start, piece.start)] + lines[piece.end :]
    if not any(line.strip() and not line.lstrip().startswith(("#", "---")) for line in left):
        return ""
    return "".join(left)


def new_document(content: dict[str, Any]) -> str:
    """Return the text of a file that declares one object."""
    node = CommentedMap((name, _styled(value)) for name, value in content.items())
    return dump(node, round_trip())


def _writer(text: str, piece: Piece) -> tuple[YAML, str]:
    """Return a writer with this document's own indentation, and the document's text."""
    body = "".join(text.splitlines(keepends=True)[piece.start : piece.end])
    for mapping, sequence, offset in _INDENTATIONS:
        yaml = round_trip(mapping=mapping, sequence=sequence, offset=offset)
        if dump(yaml.load(body), yaml) == body:
            return yaml, body
    sequence, offset = (4, 2) if "\n  - " in body else (2, 0)
    return round_trip(sequence=sequence, offset=offset), body


def _spliced(text: str, piece: Piece, body: str) -> str:
    lines = text.splitlines(keepends=True)
    if not body.endswith("\n"):
        body += "\n"
    return "".join([*lines[: piece.start], body, *lines[piece.end :]])


def _merge_map(node: CommentedMap, wanted: dict[str, Any]) -> None:
    for name in [one for one in node if one not in wanted]:
        del node[name]
    for name, value in wanted.items():
        node[name] = _merged(node.get(name), value)


def _merged(old: Any, wanted: Any) -> Any:
    """Return what to store for `wanted`: the old node, changed in place where it can be."""
    if isinstance(old, CommentedMap) and isinstance(wanted, dict):
        _merge_map(old, wanted)
        return old
    if isinstance(old, CommentedSeq) and isinstance(wanted, list):
        _merge_list(old, wanted)
        return old
    if plain(old) == wanted and type(plain(old)) is type(wanted):
        return old
    if isinstance(old, LiteralScalarString) and isinstance(wanted, str):
        return _text(wanted, block=True)
    return _styled(wanted)


def _merge_list(node: CommentedSeq, wanted: list[Any]) -> None:
    """Items keep their comments where a named item or, without names, the place is the same."""
    old = {_identity(item, index): item for index, item in enumerate(node)}
    merged = [_merged(old.get(_identity(item, index)), item) for index, item in enumerate(wanted)]
    if len(merged) == len(node) and all(a is b for a, b in zip(merged, node, strict=True)):
        return
    for index, item in enumerate(merged):
        if index < len(node):
            node[index] = item
        else:
            node.append(item)
    del node[len(merged) :]


def _identity(item: Any, index: int) -> object:
    named = isinstance(item, dict) and isinstance(item.get("name"), str)
    return item["name"] if named else index


def _styled(value: Any) -> Any:
    if isinstance(value, dict):
        return CommentedMap((name, _styled(one)) for name, one in value.items())
    if isinstance(value, list):
        return CommentedSeq([_styled(one) for one in value])
    if isinstance(value, str):
        return _text(value, block="\n" in value)
    return value


def _text(value: str, *, block: bool) -> Any:
    """Return text in a style that reads back as the same text.

    Block style cannot hold carriage returns or lines that end in blanks; YAML 1.1's truth words
    are quoted, because kubectl would read them so.
    """
    if plain(value) != value:
        return DoubleQuotedScalarString(value)
    tidy = "\r" not in value and not any(line != line.rstrip() for line in value.split("\n"))
    if block and tidy and value.strip() and not value.startswith((" ", "\n")):
        return LiteralScalarString(value)
    return value
