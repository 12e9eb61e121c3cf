"""What a structural schema says about a document: problems and defaults, as the API server has it.

Texts are counted in characters, patterns are searched for, and an unknown field is refused, as
kubectl's strict field validation does.
"""

import copy
import difflib
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from konstruct_crds.part import RULES

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document. `path` is as `spec.tools[0].http.url`."""

    path: str
    message: str
    blocking: bool = False
    """Whether rules cannot be asked: the document has not the shape that they expect."""

    def __str__(self) -> str:
        """Return path and message on one line."""
        return f"{self.path}: {self.message}" if self.path else self.message


def filled(schema: Schema, value: Any) -> Any:
    """Return a copy of `value` with the schema's defaults in the place of what is absent."""
    if isinstance(value, Mapping):
        result = dict(value)
        for name, part in schema.get("properties", {}).items():
            if name not in result and "default" in part:
                result[name] = copy.deepcopy(part["default"])
            if name in result:
                result[name] = filled(part, result[name])
        return result
    if isinstance(value, list):
        return [filled(schema.get("items", {}), one) for one in value]
    return value


def schema_problems(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with `value` by the schema alone."""
    if value is None:
        # The API server drops a null before it validates, unless the field must be there.
        return
    kind = schema.get("type")
    if kind is not None and not _is_a(kind, value):
        yield Problem(path, f"This must be {_A_KIND[kind]}, and is {_named(value)}.", blocking=True)
        return
    if "enum" in schema and value not in schema["enum"]:
        yield Problem(path, _not_one_of(value, schema["enum"]), blocking=True)
    if isinstance(value, str):
        yield from _text_problems(schema, value, path)
    elif isinstance(value, Mapping):
        yield from _object_problems(schema, value, path)
    elif isinstance(value, list):
        yield from _list_problems(schema, value, path)
    elif isinstance(value, int):
        yield from _number_problems(schema, value, path)


def rule_problems(schema: Schema, value: Any, old: Any, path: str) -> Iterator[Problem]:
    """Yield the rules that `value` breaks. `old` is what was there before, or None.

    What stands in lists has no old value, as the API server has none for lists whose entries it
    cannot tell apart.
    """
    for rule in schema.get(RULES, ()):
        if not rule.holds(value, old):
            yield Problem(path + rule.field_path if path else rule.field_path[1:], rule.message)
    if isinstance(value, Mapping):
        for name, part in schema.get("properties", {}).items():
            if value.get(name) is not None:
                before = old.get(name) if isinstance(old, Mapping) else None
                yield from rule_problems(part, value[name], before, _below(path, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from rule_problems(schema.get("items", {}), one, None, f"{path}[{index}]")


def unknown_field(name: str, known: Mapping[str, Any]) -> str:
    """Return the sentence about a field that there is not, with the one that was meant."""
    lowered = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    hint = f" Did you mean {lowered[close[0]]}?" if close else ""
    return f"There is no field {name!r} here.{hint}"


def _text_problems(schema: Schema, value: str, path: str) -> Iterator[Problem]:
    if len(value) > schema.get("maxLength", len(value)):
        yield Problem(
            path,
            f"This has {len(value)} characters: write at most {schema['maxLength']}.",
            blocking=True,
        )
    if len(value) < schema.get("minLength", 0):
        minimum = schema["minLength"]
        yield Problem(
            path,
            "This must not be empty: write something, or leave the field out."
            if minimum == 1
            else f"This has {len(value)} characters: write at least {minimum}.",
        )
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        text = f"{value!r} does not fit: it must match {schema['pattern']}"
        yield Problem(path, text, blocking=True)
    if schema.get("format") == "date-time" and not _DATE_TIME.match(value):
        yield Problem(path, f"{value!r} is no time: write one as 2026-01-31T12:00:00Z.")


def _number_problems(schema: Schema, value: int, path: str) -> Iterator[Problem]:
    if value > schema.get("maximum", value):
        yield Problem(path, f"{value} is too much: write at most {schema['maximum']}.")
    if value < schema.get("minimum", value):
        yield Problem(path, f"{value} is too little: write at least {schema['minimum']}.")


def _object_problems(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield Problem(_below(path, name), "This is missing and required.", blocking=True)
    for name, one in value.items():
        if name in properties:
            yield from schema_problems(properties[name], one, _below(path, name))
        else:
            yield Problem(
                _below(path, str(name)), unknown_field(str(name), properties), blocking=True
            )


def _list_problems(schema: Schema, value: list[Any], path: str) -> Iterator[Problem]:
    if len(value) > schema.get("maxItems", len(value)):
        yield Problem(
            path,
            f"This has {len(value)} entries: write at most {schema['maxItems']}.",
            blocking=True,
        )
    for index, one in enumerate(value):
        if one is None:
            yield Problem(f"{path}[{index}]", "This entry is empty: write or remove it.", True)
            continue
        yield from schema_problems(schema.get("items", {}), one, f"{path}[{index}]")
    yield from _duplicates(schema, value, path)


def _duplicates(schema: Schema, value: list[Any], path: str) -> Iterator[Problem]:
    list_type = schema.get("x-kubernetes-list-type")
    if list_type not in {"set", "map"}:
        return
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen: list[Any] = []
    for index, one in enumerate(value):
        known_by = [one.get(key) for key in keys] if isinstance(one, Mapping) and keys else one
        if known_by in seen:
            named = known_by[0] if isinstance(known_by, list) and known_by else known_by
            what = f"{keys[0]} {named!r}" if keys else repr(named)
            yield Problem(f"{path}[{index}]", f"There are two entries with {what}: keep one.")
        seen.append(known_by)


def _not_one_of(value: Any, allowed: list[str]) -> str:
    choices = ", ".join(allowed)
    close = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"{value!r} is not known here: write one of {choices}.{hint}"


def _is_a(kind: str, value: Any) -> bool:
    if kind == "object":
        return isinstance(value, Mapping)
    if kind == "array":
        return isinstance(value, list)
    if kind == "string":
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool)


def _named(value: Any) -> str:
    """Return what a value is, in words that help with YAML's surprises."""
    if isinstance(value, bool):
        return "true or false (quote it, if it was meant as text)"
    if isinstance(value, int | float):
        return f"the number {value} (quote it, if it was meant as text)"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__} (quote it)"


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Go's `$` is the end of the text; Python's also fits before a last line feed.
    return re.compile(pattern.replace("$", r"\Z"))


_A_KIND = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
}
_DATE_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})\Z")
