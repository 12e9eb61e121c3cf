"""The documents others build on: the work API's OpenAPI and the registry's JSON Schema."""

import json
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from konstruct_gateway.edge.apps import work_api
from konstruct_messages.replies import Delta
from konstruct_registry import wire

WORK_API = "work-api.openapi.json"
REGISTRY = "registry.schema.json"


def work_api_document() -> dict[str, Any]:
    """Return the OpenAPI document of the work API."""
    document = work_api().openapi()
    delta = Delta.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"]["Delta"] = delta
    return document


def registry_document() -> dict[str, Any]:
    """Return the JSON Schema of everything that the registry API carries."""
    models: tuple[type[BaseModel], ...] = (
        wire.Push,
        wire.Tombstone,
        wire.SessionOpened,
        wire.StoredTenants,
        wire.Demand,
        wire.Refusal,
    )
    _, schema = models_json_schema(
        [(model, "validation") for model in models],
        title="Konstruct registry",
        description="What the operator and the gateway say to each other.",
    )
    return cast(
        "dict[str, Any]", {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    )


def write_documents(folder: Path) -> list[Path]:
    """Write both documents into `folder`; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in ((WORK_API, work_api_document()), (REGISTRY, registry_document())):
        path = folder / name
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        written.append(path)
    return written
