"""The schemas of a running API server, our kinds included, in the form that kubeconform reads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from support.cluster import Cluster

Schema = dict[str, Any]

_COMPONENT = "#/components/schemas/"
_KINDS = "x-kubernetes-group-version-kind"
_UNCHECKED_FORMATS = {"int32", "int64", "double", "byte", "date-time"}
# Where kubeconform looks; {{.Group}} is the whole apiVersion for the core group.
LOCATION = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"


def write(cluster: Cluster, folder: Path) -> int:
    """Write one closed JSON schema per kind that the server serves; return how many there are.

    Unknown fields are errors in them, as `kubectl apply` reports them.
    """
    written = 0
    for path, entry in _raw(cluster, "/openapi/v3")["paths"].items():
        if not path.startswith(("api/", "apis/")):
            continue
        schemas = _raw(cluster, entry["serverRelativeURL"]).get("components", {}).get("schemas", {})
        for group, version, kind, name in _served(path, schemas):
            target = folder / (group or version) / f"{kind.lower()}_{version}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(_document(group, version, kind, name, schemas)))
            written += 1
    return written


def _raw(cluster: Cluster, path: str) -> Schema:
    found: Schema = json.loads(cluster.kubectl("get", "--raw", path))
    return found


def _served(path: str, schemas: Mapping[str, Schema]) -> Iterator[tuple[str, str, str, str]]:
    """Yield group, version, kind and schema name of what a group's document is about."""
    parts = path.split("/")
    group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], "".join(parts[2:3]))
    for name, schema in schemas.items():
        for one in schema.get(_KINDS, ()):
            # Options and watch events are listed under every group and are no objects.
            ours = (one["group"], one["version"]) == (group, version)
            if ours and one["kind"] not in {"DeleteOptions", "WatchEvent"}:
                yield group, version, one["kind"], name


def _document(
    group: str, version: str, kind: str, name: str, schemas: Mapping[str, Schema]
) -> Schema:
    definitions = {key: _closed(schemas[key]) for key in _reachable(name, schemas)}
    top = definitions[name]
    top.setdefault("properties", {}).update(
        apiVersion={"const": f"{group}/{version}" if group else version}, kind={"const": kind}
    )
    top["required"] = sorted({*top.get("required", ()), "apiVersion", "kind"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/$defs/{name}",
        "$defs": definitions,
    }


def _reachable(name: str, schemas: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += _references(schemas[current])
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for one in node for name in _references(one)]
    if not isinstance(node, dict):
        return []
    reference = node.get("$ref")
    own = (
        [reference.removeprefix(_COMPONENT)]
        if isinstance(reference, str) and reference.startswith(_COMPONENT)
        else []
    )
    return own + [name for one in node.values() for name in _references(one)]


def _closed(node: Any) -> Any:
    """Return OpenAPI's schema as JSON Schema, with unknown fields refused."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string") or node.get("format") == "int-or-string":
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    made: Schema = {key: _closed_part(key, one) for key, one in node.items()}
    if isinstance(made.get("$ref"), str):
        made["$ref"] = made["$ref"].replace(_COMPONENT, "#/$defs/")
    open_ended = "additionalProperties" in made or made.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(made.get("properties"), dict) and not open_ended:
        made["additionalProperties"] = False
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if made.get("format") in _UNCHECKED_FORMATS:
        del made["format"]
    return made


def _closed_part(keyword: str, value: Any) -> Any:
    if keyword in {"default", "enum", "example"}:
        return value
    if keyword == "properties":
        # Its keys are names of fields, of which some read like keywords.
        return {name: _closed(schema) for name, schema in value.items()}
    return _closed(value)
