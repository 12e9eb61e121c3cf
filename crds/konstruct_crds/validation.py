"""Whether a document is a valid resource: the API server's verdict, without an API server.

Schema and rules are those of the CRDs. Not told here is what needs a cluster (quotas, admission
policies) and what only the update of an object that was already invalid would be forgiven.
"""

from collections.abc import Mapping
from typing import Any

from konstruct_crds.metadata import API_VERSION
from konstruct_crds.object_metadata import metadata_problems
from konstruct_crds.schema import KINDS, schema_of
from konstruct_crds.structural import Problem, filled, rule_problems, schema_problems

__all__ = ["Problem", "validate", "with_defaults"]


def validate(document: Mapping[str, Any], *, old: Mapping[str, Any] | None = None) -> list[Problem]:
    """Return what is wrong with `document`, a resource as read from YAML; empty: it is valid.

    `old` is the resource that it takes the place of, as stored (status included); without it,
    `document` is new. A status that the document itself has is ignored, as the API server does.
    """
    kind = document.get("kind")
    if document.get("apiVersion") != API_VERSION or not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(KINDS)
        return [Problem("kind", f"This is no resource of ours: write apiVersion: {API_VERSION} and"
            f" one of the kinds {known}.", blocking=True)]  # fmt: skip
    problems = list(metadata_problems(document.get("metadata")))
    schema = schema_of(kind)
    own = {key: value for key, value in document.items() if key != "status"}
    there: dict[str, Any] | None = {} if isinstance(document.get("metadata"), Mapping) else None
    problems += schema_problems(schema, {**own, "metadata": there}, "")
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


def _without_nulls(value: Any) -> Any:
    """Return a copy without fields that are null: the API server takes them as absent."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
