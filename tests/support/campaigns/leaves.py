"""Every field of every kind, each with the values that people and programs get wrong."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from konstruct_crds.schema import KINDS
from support.crd_mutations import Steps, full_documents
from support.operator_process import ROOT

REMOVED = object()
_HUGE = 1_600_000
_MANY = 300
_TEXTS = {
    "right to left": "\u202e\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd\u202c",
    "NUL": "a\u0000b",
    "control characters": "a\u0001\u0007\u001b[31m\u007fb",
    "combining": "Z" + "\u0351\u0300\u0336" * 20,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🚲",
    "line separators": "a\u2028b\u0085c\r\nd\n",
    "byte order mark": "\ufeffa\ufffe\uffff",
    "invisible": "\u200b\u00a0\u2060",
    "homoglyphs": "\u0430cme",
    "far planes": "𝔘𐍈\U000e0041",
    "yaml": "{{ x }}\n---\n- !!python/object:os &a *a",
    "quotes": "\"'`$(id)${HOME}<b>&amp;%00\\u0000",
}
_WRONG: tuple[Any, ...] = (True, 7, 1.5, "text", [], {}, ["a"], {"a": "b"}, [None])


@dataclass(frozen=True)
class Change:
    """One value at one place of a kind's full document."""

    kind: str
    document: int
    path: Steps
    what: str
    value: Any

    @property
    def leaf(self) -> str:
        """The field, without indices."""
        return ".".join(one for one in self.path if isinstance(one, str))

    def __str__(self) -> str:
        return f"{self.kind}/{self.document} {'.'.join(map(str, self.path))} {self.what}"

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document changed so."""
        result: dict[str, Any] = copy.deepcopy(dict(document))
        place: Any = result
        for step in self.path[:-1]:
            place = place[step]
        if self.value is REMOVED:
            del place[self.path[-1]]
        else:
            place[self.path[-1]] = copy.deepcopy(self.value)
        return result


def changes() -> list[Change]:
    """Return every change of every field that the published schemas have."""
    found: list[Change] = []
    for kind in KINDS:
        schema = published(kind)
        for number, full in enumerate(full_documents()[kind]):
            seen: set[tuple[Steps, str]] = set()
            for path, what, value in _walk(schema, full["spec"], ("spec",)):
                key = path, json.dumps(value, sort_keys=True) if value is not REMOVED else what
                if key not in seen:
                    seen.add(key)
                    found.append(Change(kind, number, path, what, value))
    return found


def published(kind: str) -> dict[str, Any]:
    """Return the schema of a kind's spec as the CRD carries it."""
    for file in (ROOT / "crds").glob("*.yaml"):
        crd = yaml.safe_load(file.read_text())
        if crd["spec"]["names"]["kind"] == kind:
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            spec: dict[str, Any] = schema["properties"]["spec"]
            return spec
    raise LookupError(kind)


def leaves(schema: Mapping[str, Any], path: str = "spec") -> Iterator[str]:
    """Yield the fields of a schema that have no fields of their own."""
    if schema.get("properties"):
        for name, part in schema["properties"].items():
            yield from leaves(part, f"{path}.{name}")
    elif "items" in schema:
        yield from leaves(schema["items"], path)
    else:
        yield path


def _walk(schema: Mapping[str, Any], value: Any, at: Steps) -> Iterator[tuple[Steps, str, Any]]:
    for what, other in _values(schema, value):
        yield at, what, other
    if isinstance(value, Mapping):
        yield (*at, "noSuchField"), "unknown field", "x"
        for name, one in value.items():
            yield (*at, name), "removed", REMOVED
            yield from _walk(schema["properties"][name], one, (*at, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _walk(schema["items"], one, (*at, index))


def _values(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    yield "null", None
    yield "empty", type(value)()
    for wrong in _WRONG:
        if wrong != value and type(wrong) is not type(value):
            yield f"wrong type {wrong!r}", wrong
    if isinstance(value, str):
        yield from _strings(schema, value)
    elif isinstance(value, int):
        yield from _numbers(schema, value)
    elif isinstance(value, list):
        yield from _lists(schema, value)


def _strings(schema: Mapping[str, Any], value: str) -> Iterator[tuple[str, str]]:
    if "enum" in schema:
        yield from ((f"value {one}", one) for one in schema["enum"] if one != value)
        yield "another case", value.swapcase()
        yield "unknown value", f"{value}x"
        return
    yield from _TEXTS.items()
    yield "spaces", "   "
    yield "after a dash", f"-{value}"
    yield "another", value[:-1] + ("x" if value[-1] != "x" else "y")
    yield "huge", "x" * _HUGE
    for bound, name in (
        (schema.get("minLength"), "shortest"),
        (schema.get("maxLength"), "longest"),
    ):
        for beyond in (-1, 0, 1):
            if bound is not None and bound + beyond >= 0:
                length = bound + beyond
                yield f"{name} {beyond:+}", (value + value[-1] * length)[:length]
                if "pattern" not in schema:
                    yield f"{name} {beyond:+} in emoji", "🚲" * length


def _numbers(schema: Mapping[str, Any], value: int) -> Iterator[tuple[str, Any]]:
    for bound in ("minimum", "maximum"):
        if bound in schema:
            yield from ((f"{bound} {by:+}", schema[bound] + by) for by in (-1, 0, 1))
    for huge in (2**31, 2**53 + 1, 2**63 - 1, 2**63, 10**30):
        yield f"huge {huge}", huge
    yield "negative", -value
    yield "one more", value + 1
    yield "as text", str(value)


def _lists(schema: Mapping[str, Any], value: list[Any]) -> Iterator[tuple[str, Any]]:
    yield "first twice", [value[0], *value]
    yield "with null", [*value, None]
    yield "reversed", value[::-1]
    yield "first alone", value[:1]
    most = schema.get("maxItems", _MANY)
    for beyond in (-1, 0, 1):
        yield f"most items {beyond:+}", _many(value[0], min(most, _MANY) + beyond)
    yield "huge", _many(value[0], _MANY * 4)


def _many(item: Any, count: int) -> list[Any]:
    """Return `count` different entries like this one."""
    if isinstance(item, Mapping):
        key = next((one for one in ("name", "language", "title") if one in item), "")
        letters = "abcdefghijklmnopqrstuvwxyz"
        names = [f"{a}{b}{c}" for a in letters for b in letters for c in letters[:2]]
        return [{**item, key: names[index]} if key else item for index in range(count)]
    return [item + index if isinstance(item, int) else f"{item}{index}" for index in range(count)]
