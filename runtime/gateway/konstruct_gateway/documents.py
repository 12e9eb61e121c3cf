"""The documents others build on: the work API, the registry, the metrics."""

import json
from pathlib import Path
from typing import Any, cast

from prometheus_client import Metric
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from konstruct_gateway.edge.apps import work_api
from konstruct_gateway.edge.metrics import Metrics
from konstruct_messages.replies import Delta
from konstruct_registry import wire

WORK_API = "work-api.openapi.json"
REGISTRY = "registry.schema.json"
METRICS = "gateway.metrics.json"


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


def metrics_document() -> dict[str, Any]:
    """Return the names of the gateway's metrics, as Prometheus has them, with what they mean."""
    families = sorted(Metrics().registry.collect(), key=lambda one: one.name)
    return {
        "metrics": [
            {"name": _exposed(one), "type": one.type, "help": one.documentation} for one in families
        ]
    }


def _exposed(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def write_documents(folder: Path) -> list[Path]:
    """Write all documents into `folder`; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    documents = {
        WORK_API: work_api_document(),
        REGISTRY: registry_document(),
        METRICS: metrics_document(),
    }
    for name, document in documents.items():
        path = folder / name
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        written.append(path)
    return written
