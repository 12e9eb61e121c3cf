"""What the enforcer knows of the cluster's objects: the few fields that policies are about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
NamedPort = tuple[str, str, int]
"""Name, protocol and number of a container's port."""


@dataclass(frozen=True)
class Pod:
    """A pod as policies see it."""

    namespace: str
    name: str
    uids: frozenset[str]
    labels: Mapping[str, str]
    on_host_network: bool
    ended: bool
    addresses: tuple[str, ...]
    ports: tuple[NamedPort, ...]


@dataclass(frozen=True)
class Policy:
    """A NetworkPolicy; `version` is its resourceVersion."""

    namespace: str
    name: str
    version: str
    spec: Document


@dataclass(frozen=True)
class Endpoint:
    """An address of the pod network and whose it is."""

    pod: Pod
    address: str


def read_pod(document: Document) -> Pod:
    """Return the pod of an API object."""
    metadata, spec = document["metadata"], document["spec"]
    status = document.get("status", {})
    mirror = (metadata.get("annotations") or {}).get("kubernetes.io/config.mirror")
    # A static pod's sandbox is announced with the hash that its mirror carries, not with its uid.
    uids = frozenset(one for one in (metadata["uid"], mirror) if one)
    sidecars = [
        one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"
    ]
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uids=uids,
        labels=metadata.get("labels") or {},
        on_host_network=spec.get("hostNetwork", False),
        ended=status.get("phase") in {"Succeeded", "Failed"},
        addresses=tuple(
            sorted(one["ip"] for one in status.get("podIPs") or [] if ":" not in one["ip"])
        ),
        ports=tuple(
            (port["name"], port.get("protocol", "TCP"), port["containerPort"])
            for container in [*spec["containers"], *sidecars]
            for port in container.get("ports") or []
            if port.get("name")
        ),
    )


def read_policy(document: Document) -> Policy:
    """Return the policy of an API object."""
    metadata = document["metadata"]
    return Policy(
        namespace=metadata["namespace"],
        name=metadata["name"],
        version=metadata["resourceVersion"],
        spec=document["spec"],
    )


def read_labels(document: Document) -> Mapping[str, str]:
    """Return the labels of an API object."""
    labels: Mapping[str, str] = document["metadata"].get("labels") or {}
    return labels


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector matches; the empty one matches everything."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(one, labels) for one in selector.get("matchExpressions") or []
    )


def _holds(expression: Document, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:  # DoesNotExist; the API knows no fifth
            return key not in labels
