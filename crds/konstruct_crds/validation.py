"""Whether a document is a valid resource: the API server's verdict, without an API server.

Schema and rules are those of the CRDs. Not told here is what needs a cluster (quotas, admission
policies) and what only the update of an object that was already invalid would be forgiven.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from konstruct_crds.metadata import API_VERSION
from konstruct_crds.schema import KINDS, schema_of
from konstruct_crds.structural import Problem, filled, rule_problems, schema_problems

__all__ = ["Problem", "validate", "with_defaults"]

_LONGEST_LABEL = 63
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
)


def validate(document: Mapping[str, Any], *, old: Mapping[str, Any] | None = None) -> list[Problem]:
    """Return what is wrong with `document`, a resource as read from YAML; empty: it is valid.

    `old` is the resource that it takes the place of, as stored (status included); without it,
    `document` is new. A status that the document itself has is ignored, as the API server does.
    """
    kind = document.get("kind")
    if document.get("apiVersion") != API_VERSION or kind not in KINDS:
        known = ", ".join(KINDS)
        return [Problem("kind", f"This is no resource of ours: write apiVersion: {API_VERSION} and"
            f" one of the kinds {known}.", blocking=True)]  # fmt: skip
    problems = list(_metadata_problems(document.get("metadata")))
    schema = schema_of(kind)
    own = {key: value for key, value in document.items() if key != "status"}
    problems += schema_problems(schema, {**own, "metadata": _nameless(own)}, "")
    if any(problem.blocking for problem in problems):
        return problems
    if old is not None and "status" in old:
        own["status"] = old["status"]
    before = filled(schema, _without_nulls(old)) if old is not None else None
    return problems + list(rule_problems(schema, filled(schema, _without_nulls(own)), before, ""))


def with_defaults(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid document as the API server would store it: with the CRD's defaults."""
    filled_in: dict[str, Any] = filled(schema_of(document["kind"]), _without_nulls(document))
    return filled_in


def _nameless(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the part of the metadata that the schema speaks of."""
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    return {"name": metadata.get("name")}


def _metadata_problems(metadata: Any) -> Iterator[Problem]:
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        yield Problem("metadata", "This must be an object: metadata: {name: ...}.", blocking=True)
        return
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        yield Problem("metadata.name", "This is missing and required, as text.", blocking=True)
    for field in ("labels", "annotations"):
        yield from _label_problems(metadata.get(field), field)


def _label_problems(values: Any, field: str) -> Iterator[Problem]:
    path = f"metadata.{field}"
    if values is None:
        return
    if not isinstance(values, Mapping):
        yield Problem(path, "This must be an object of names and texts.", blocking=True)
        return
    for key, value in values.items():
        if not isinstance(value, str):
            yield Problem(f"{path}.{key}", f"This must be a text: write {str(value)!r}.")
        elif field == "labels" and not _is_label_value(value):
            yield Problem(f"{path}.{key}", f"{value!r} cannot be a label's value: write at most 63"
                " letters, digits, '-', '_' and '.'.")  # fmt: skip
        if not _LABEL_KEY.fullmatch(str(key)):
            yield Problem(f"{path}.{key}", f"{key!r} cannot be a name here: write it as"
                " example.com/name.")  # fmt: skip


def _is_label_value(text: str) -> bool:
    return len(text) <= _LONGEST_LABEL and _LABEL_VALUE.fullmatch(text) is not None


def _without_nulls(value: Any) -> Any:
    """Return a copy without fields that are null: the API server takes them as absent."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
