"""From the models to structural schemas, as the API server wants them.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

import functools
from typing import Any

from konstruct_crds.agent import Agent
from konstruct_crds.connection import ChannelConnection
from konstruct_crds.part import RULES, Part
from konstruct_crds.template import AgentTemplate
from konstruct_crds.tenant import Tenant

Schema = dict[str, Any]
Kind = type[Tenant] | type[Agent] | type[ChannelConnection] | type[AgentTemplate]

KINDS: dict[str, Kind] = {
    "Tenant": Tenant,
    "Agent": Agent,
    "ChannelConnection": ChannelConnection,
    "AgentTemplate": AgentTemplate,
}
_DROPPED = ("$defs", "title", "additionalProperties", "discriminator")
_NO_NUL = r"^[^\x00]*$"
_EMPTY: tuple[Any, ...] = (None, "", [], {}, ())


@functools.cache
def schema_of(kind: str) -> Schema:
    """Return a kind's schema, with its Rule objects still in the place of their rendered text.

    It is what documents are validated with, and what `rendered` makes the CRD's schema from.
    """
    model: type[Part] = KINDS[kind]
    generated = model.model_json_schema(by_alias=True)
    schema = _structural(generated, generated.get("$defs", {}), in_list=False)
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string", "description": _API_VERSION}
    properties["kind"] = {"type": "string", "description": _KIND}
    properties["metadata"] = {"type": "object", "properties": {"name": {"type": "string"}}}
    status = properties["status"]
    del status["properties"]["observedGeneration"]["default"]
    status["default"] = {"conditions": status["properties"]["conditions"]["default"]}
    schema["required"] = ["metadata", "spec"]
    _refuse_nul(properties["spec"])
    return schema


def rendered(schema: Schema) -> Schema:
    """Return the schema as the CRD carries it: the rules as CEL."""
    result: Schema = {}
    for key, value in schema.items():
        if key == RULES:
            result["x-kubernetes-validations"] = [one.document() for one in value]
        elif key == "properties":
            result[key] = {name: rendered(one) for name, one in value.items()}
        elif key in {"items", "additionalProperties"}:
            result[key] = rendered(value)
        else:
            result[key] = value
    return result


def _structural(node: Schema, definitions: Schema, *, in_list: bool) -> Schema:
    """Return `node` without references, null variants, titles and empty defaults.

    Entries of lists get no defaults: server-side apply would fight over them.
    """
    node = _without_null(_resolved(node, definitions), definitions)
    result: Schema = {}
    for key, value in node.items():
        if key in _DROPPED:
            continue
        if key == "default":
            default = _without_empty(value)
            if not in_list and default not in _EMPTY:
                result[key] = default
        elif key == "properties":
            result[key] = {
                name: _structural(one, definitions, in_list=in_list) for name, one in value.items()
            }
        elif key == "items":
            result[key] = _structural(value, definitions, in_list=True)
        elif key == "description":
            result[key] = " ".join(value.split())
        else:
            result[key] = value
    return result


def _refuse_nul(node: Schema) -> None:
    """Have every free text refuse the one character that a database's text cannot hold.

    https://www.postgresql.org/docs/current/datatype-json.html
    """
    if node.get("type") == "string" and not {"pattern", "enum"} & node.keys():
        node["pattern"] = _NO_NUL
    for part in (
        *node.get("properties", {}).values(),
        *([node["items"]] if "items" in node else []),
    ):
        _refuse_nul(part)


def _resolved(node: Schema, definitions: Schema) -> Schema:
    while "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[1]]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _without_null(node: Schema, definitions: Schema) -> Schema:
    if "anyOf" not in node:
        return node
    variants = [one for one in node["anyOf"] if one.get("type") != "null"]
    if len(variants) != 1:
        raise ValueError(f"A structural schema cannot say: {node['anyOf']}")
    own = {key: value for key, value in node.items() if key != "anyOf"}
    return {**_resolved(variants[0], definitions), **own}


def _without_empty(value: Any) -> Any:
    """Return a default without what is empty anyway: absent and empty mean the same."""
    if isinstance(value, dict):
        kept = {key: _without_empty(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one not in _EMPTY}
    if isinstance(value, list):
        return [_without_empty(one) for one in value]
    return value


_API_VERSION = "The version of the resource's schema: konstruct.dev/v1alpha1."
_KIND = "What the resource is."
