"""The labels and hashes that every child carries."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from konstruct_operator import names
from konstruct_operator.observed import Document, Observed


def child(
    observed: Observed,
    *,
    api_version: str,
    kind: str,
    name: str,
    body: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """Return a child in the tenant's namespace, with a hash of what is planned for it.

    Labels of the declaring resources are never copied: a GitOps tool would take the child for its
    own and delete it.
    """
    document: Document = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": observed.namespace_name,
            "labels": child_labels(observed.name),
            "annotations": dict(annotations or {}),
        },
        **body,
    }
    return with_hash(document)


def child_labels(tenant: str) -> dict[str, str]:
    """Return the labels by which children are found again."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_TENANT: tenant,
        names.LABEL_NAME: "konstruct",
    }


def with_hash(document: Document) -> Document:
    """Return the document with a hash of itself: what is no longer planned shows as a change."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    annotations = document["metadata"].get("annotations", {})
    metadata = {
        **document["metadata"],
        "annotations": {**annotations, names.ANNOTATION_CONFIG_HASH: digest},
    }
    return {**document, "metadata": metadata}


def keyed_hash(key: str, *parts: str) -> str:
    """Return a hash that tells nothing to those who can read annotations but have no key."""
    return hmac.new(key.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()[:32]
