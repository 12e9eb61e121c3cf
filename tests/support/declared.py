"""Builders of declared resources, as the documents that `kubectl apply` takes."""

import json
from typing import Any

from support.cluster import Cluster

Document = dict[str, Any]


def namespace(tenant: str, name: str = "") -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name or f"team-{tenant}", "labels": {"konstruct.dev/tenant": tenant}},
    }


def tenant(name: str, **spec: Any) -> Document:
    return {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name},
        "spec": {"displayName": name.title(), **spec},
    }


def agent(place: str, name: str = "ana", **spec: Any) -> Document:
    return _namespaced("Agent", place, name, {"displayName": name.title(), **spec})


def connection(place: str, name: str = "website", *, to: str = "ana", **spec: Any) -> Document:
    whole = {"type": "WebChat", "agentRef": {"name": to}, **spec}
    if whole["type"] == "WebChat":
        whole = {"webChat": {"visitors": "Allowed"}, **whole}
    return _namespaced("ChannelConnection", place, name, whole)


def secret(place: str, name: str, *, use: str = "", **data: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": place,
            "labels": {"konstruct.dev/use": use} if use else {},
        },
        "stringData": data or {"key": "sk-test-1234567890"},
    }


def apply(cluster: Cluster, *documents: Document) -> None:
    """Declare the documents as a person's `kubectl apply` does."""
    together = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(together))


def conditions(cluster: Cluster, *what: str) -> dict[str, dict[str, Any]]:
    """Return the conditions of an object by type."""
    status = cluster.get(*what).get("status", {})
    return {one["type"]: one for one in status.get("conditions", [])}


def _namespaced(kind: str, place: str, name: str, spec: Document) -> Document:
    return {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": place},
        "spec": spec,
    }
