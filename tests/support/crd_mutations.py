"""Documents one step off a valid one: each constraint of a schema, broken and just kept."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from konstruct_crds.schema import KINDS, schema_of

_FOLDER = Path(__file__).parents[1] / "crds" / "examples"
Steps = tuple[str | int, ...]
Mutation = tuple[str, dict[str, Any]]
_REMOVED = object()

_LABELS: Steps = ("metadata", "labels")
_ANNOTATIONS: Steps = ("metadata", "annotations")
_OUTSIDE_SPEC: tuple[tuple[Steps, str, Any], ...] = (
    (("spec",), "removed", _REMOVED),
    (("spec",), "null", None),
    (("spec",), "a list", []),
    (("noSuchField",), "unknown", "x"),
    (("metadata", "noSuchField"), "unknown", "x"),
    (("metadata", "name"), "empty", ""),
    (("metadata", "name"), "a number", 7),
    (("metadata", "name"), "in capitals", "FULL"),
    (("status",), "of the author's own", {"conditions": []}),
    (("status",), "null", None),
    (_LABELS, "none", {}),
    (_LABELS, "null", None),
    (_LABELS, "a list", ["a"]),
    (_LABELS, "true", {"acme.example/a": True}),
    (_LABELS, "a number", {"acme.example/a": 1}),
    (_LABELS, "a null", {"acme.example/a": None}),
    (_LABELS, "a sentence", {"acme.example/a": "two words"}),
    (_LABELS, "empty", {"acme.example/a": ""}),
    (_LABELS, "longest", {"acme.example/a": "a" * 63}),
    (_LABELS, "too long", {"acme.example/a": "a" * 64}),
    (_LABELS, "an empty key", {"": "a"}),
    (_LABELS, "a long key", {"a" * 64: "a"}),
    (_LABELS, "a long prefix", {"a" * 253 + "/a": "a"}),
    (_LABELS, "too long a prefix", {"a" * 254 + "/a": "a"}),
    (_LABELS, "two prefixes", {"a/b/c": "a"}),
    (_LABELS, "a prefix in capitals", {"Acme.example/a": "a"}),
    (_ANNOTATIONS, "a sentence", {"acme.example/a": "two words"}),
    (_ANNOTATIONS, "true", {"acme.example/a": True}),
    (_ANNOTATIONS, "a prefix in capitals", {"Acme.example/a": "a"}),
    (_ANNOTATIONS, "a key with a space", {"a b": "a"}),
    (_ANNOTATIONS, "too many bytes", {"acme.example/a": "é" * 131_073}),
)


def full_documents() -> dict[str, list[dict[str, Any]]]:
    """Return valid documents of each kind that together set every field."""
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load((_FOLDER / "full.yaml").read_text())
    return found


def mutations() -> list[Mutation]:
    """Return (what was done, document) for every constraint at every place."""
    return [
        (f"{kind} {number} {what}", document)
        for kind in KINDS
        for number, full in enumerate(full_documents()[kind])
        for what, document in _mutations_of(kind, full)
    ]


def fields_of(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all fields below a schema, without indices."""
    for name, part in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from fields_of(part, f"{path}{name}.")
        yield from fields_of(part.get("items", {}), f"{path}{name}.")


def fields_in(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields that a document sets, without indices."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield f"{path}{name}"
            yield from fields_in(one, f"{path}{name}.")
    elif isinstance(value, list):
        for one in value:
            yield from fields_in(one, path)


def _mutations_of(kind: str, full: dict[str, Any]) -> Iterator[Mutation]:
    yield "as it is", full
    for steps, what, value in _OUTSIDE_SPEC:
        yield f"{'.'.join(map(str, steps))} {what}", _changed(full, steps, value)
    spec = schema_of(kind)["properties"]["spec"]
    for steps, what, value in _walk(spec, full["spec"], ("spec",)):
        if kind == "AgentTemplate" and "tools" in steps[:-1]:
            continue  # the models of an Agent's tools, broken there
        yield f"{'.'.join(map(str, steps))} {what}", _changed(full, steps, value)


def _walk(schema: Mapping[str, Any], value: Any, at: Steps) -> Iterator[tuple[Steps, str, Any]]:
    for what, other in _variants(schema, value):
        yield at, what, other
    if isinstance(value, Mapping):
        yield (*at, "noSuchField"), "unknown", "x"
        for name, one in value.items():
            yield (*at, name), "removed", _REMOVED
            yield from _walk(schema["properties"][name], one, (*at, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _walk(schema["items"], one, (*at, index))


def _variants(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    for wrong in (None, True, 7, 1.5, "text", "", [], {}, ["a", "a"], {"a": "b"}):
        if wrong != value:
            yield f"= {wrong!r}", wrong
    if isinstance(value, str):
        yield from _texts(schema, value)
    elif isinstance(value, int):
        for bound, beyond in (("minimum", -1), ("maximum", 1)):
            if bound in schema:
                yield bound, schema[bound]
                yield f"beyond {bound}", schema[bound] + beyond
    elif isinstance(value, list):
        yield "first twice", [value[0], *value]
        yield "last null", [*value, None]
        if "maxItems" in schema and schema["maxItems"] <= 64:
            yield "too many", _many(value[0], schema["maxItems"] + 1)
            yield "as many as may be", _many(value[0], schema["maxItems"])


def _texts(schema: Mapping[str, Any], value: str) -> Iterator[tuple[str, str]]:
    for what, text in (
        ("with a line feed", value + "\n"),
        ("in capitals", value.upper()),
        ("after a dash", "-" + value),
        ("with an accent", value + "é"),
        ("with a space", value + " x"),
        ("with an emoji", value + "🚲"),
        ("with a dot", value + ".x"),
        ("with a NUL", value + "\0"),
    ):
        yield what, text
    if "maxLength" in schema:
        for what, length in (("longest", 0), ("too long", 1)):
            filler = "é" if "pattern" not in schema else value[-1]
            yield what, value + filler * (schema["maxLength"] + length - len(value))


def _many(item: Any, count: int) -> list[Any]:
    """Return `count` different items like this one."""
    if isinstance(item, Mapping):
        key = "name" if "name" in item else "language"
        letters = "abcdefghijklmnopqrstuvwxyz"
        names = [f"{one}{other}" for one in letters for other in letters]
        return [{**item, key: names[index]} if key in item else item for index in range(count)]
    return [item + index if isinstance(item, int) else f"{item}{index}" for index in range(count)]


def _changed(document: dict[str, Any], steps: Steps, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(document)
    place: Any = result
    for step in steps[:-1]:
        place = place[step]
    if value is _REMOVED:
        del place[steps[-1]]
    else:
        place[steps[-1]] = value
    return result
