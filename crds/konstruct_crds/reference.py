"""The API for readers: a page about every field, and JSON schemas for editors and linters."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from konstruct_crds.documents import naming_of
from konstruct_crds.metadata import API_VERSION
from konstruct_crds.part import RULES
from konstruct_crds.rules import Rule
from konstruct_crds.schema import KINDS, schema_of

Schema = Mapping[str, Any]
_KEPT = (
    *("type", "description", "enum", "pattern", "default", "required", "format"),
    *("minimum", "maximum", "minLength", "maxLength", "maxItems"),
)
_HEAD = f"""# The resources

Every field of `{API_VERSION}`, generated from the models by `make generate`; `kubectl explain`
shows the same texts. For completion in an editor, name a schema in a resource's first line:
`# yaml-language-server: $schema=docs/reference/agent.schema.json`.

Required fields are marked `*`. Texts are counted in characters.
"""


def reference_files() -> dict[str, str]:
    """Return the text of the files of `docs/reference/` by name."""
    schemas = {
        f"{kind.lower()}.schema.json": json.dumps(editor_schema(kind), indent=2, ensure_ascii=False)
        + "\n"
        for kind in KINDS
    }
    return {"resources.md": _page(), **schemas}


def editor_schema(kind: str) -> dict[str, Any]:
    """Return a kind's JSON schema for editors and linters: as strict as kubectl, without rules."""
    schema = _plain(schema_of(kind))
    properties = schema["properties"]
    properties["apiVersion"]["const"] = API_VERSION
    properties["kind"]["const"] = kind
    # What else metadata may hold is Kubernetes' affair.
    properties["metadata"] = {"type": "object", "required": ["name"]}
    schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": kind,
        **schema,
    }


def _plain(schema: Schema) -> dict[str, Any]:
    result = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        result["properties"] = {name: _plain(one) for name, one in schema["properties"].items()}
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = _plain(schema["items"])
    if schema.get("x-kubernetes-list-type") == "set":
        result["uniqueItems"] = True
    return result


def _page() -> str:
    return "\n".join([_HEAD, *(line for kind in KINDS for line in _chapter(kind))])


def _chapter(kind: str) -> Iterator[str]:
    naming = naming_of(kind)
    where = "in the whole cluster" if naming.scope == "Cluster" else "in its tenant's namespace"
    schema = schema_of(kind)
    yield f"## {kind}\n"
    yield f"{schema['description']} Short name `{naming.short_name}`; unique {where}.\n"
    for part in ("spec", "status"):
        yield "| field | type | default | what it is |"
        yield "|---|---|---|---|"
        yield from _rows(schema["properties"][part], f"{part}.")
        yield ""
    yield "What a schema cannot say, in the words of the refusal:\n"
    yield from (f"- `{path}`: {_cell(rule.message)}" for path, rule in _rules(schema, ""))
    yield ""


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        items = part.get("items", {})
        star = "\\*" if name in required else ""
        default = part.get("default")
        scalar_default = f"`{default}`" if isinstance(default, str | int) else ""
        text = _cell(part.get("description", ""))
        yield f"| `{path}{name}`{star} | {_type(part)} | {scalar_default} | {text} |"
        yield from _rows(part, f"{path}{name}.")
        yield from _rows(items, f"{path}{name}[].")


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if schema["type"] == "array":
        return f"up to {schema['maxItems']} of: {_type(schema['items'])}"
    if schema["type"] == "integer":
        bounds = [str(schema[one]) for one in ("minimum", "maximum") if one in schema]
        return f"number, {' to '.join(bounds)}" if len(bounds) > 1 else f"number from {bounds[0]}"
    if schema["type"] == "string":
        longest = schema.get("maxLength")
        return f"text, up to {longest}" if longest else "time"
    return "object"


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, Rule]]:
    for rule in schema.get(RULES, ()):
        yield (path + rule.field_path).lstrip("."), rule
    for name, part in schema.get("properties", {}).items():
        yield from _rules(part, f"{path}.{name}")
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
