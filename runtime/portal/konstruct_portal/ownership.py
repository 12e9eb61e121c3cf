"""Who declares which field: pure functions over specs and `managedFields`.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

GITOPS_MANAGERS = frozenset(
    {
        *("argocd-application-controller", "argocd-controller"),
        *("helm", "helm-controller", "kustomize-controller"),
        *("fleet-agent", "fleetagent", "config-sync", "configsync", "rancher-fleet"),
        *("Terraform", "pulumi-kubernetes", "crossplane"),
    }
)
"""Field managers that write what lies in Git, over and over: a change here would not last."""

_ARGO = "argocd.argoproj.io/tracking-id"
_MISSING = object()


def gitops_owner(managed_by: str, annotations: Mapping[str, str]) -> str:
    """Return which GitOps controller declares a resource; empty when none does.

    `managed_by` are the field managers of its spec, as `Resource.managed_by` has them.
    """
    for one in managed_by.split(", "):
        if one in GITOPS_MANAGERS:
            return one
    return "Argo CD" if _ARGO in annotations else ""


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `after` that differs from `before`; lists are one value."""
    changed: dict[str, Any] = {}
    for name, value in after.items():
        old = before.get(name, _MISSING)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = changed_fields(old, value)
            if inner:
                changed[name] = inner
        elif old is _MISSING or old != value:
            changed[name] = copy.deepcopy(value)
    return changed


def owned_fields(
    spec: Mapping[str, Any], managed: Sequence[Mapping[str, Any]], manager: str
) -> dict[str, Any]:
    """Return the part of `spec` that `manager` has applied before.

    Leaving such a field out of the next apply would remove it.
    """
    for entry in managed:
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and not entry.get("subresource")
        ):
            return _owned(spec, (entry.get("fieldsV1") or {}).get("f:spec") or {})
    return {}


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, `other` winning where they meet."""
    made = copy.deepcopy(dict(one))
    for name, value in other.items():
        present = made.get(name)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            made[name] = merged(present, value)
        else:
            made[name] = copy.deepcopy(value)
    return made


def owner_of_leftover(
    *,
    wanted: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    managed: Sequence[Mapping[str, Any]],
) -> str | None:
    """Return who keeps a field that was to be removed, or None when all went.

    `after` is what an apply left. A field that `before` had, `wanted` lacks and `after` still has
    with the same value is somebody else's (a default that came back has another value or is equal
    to none that was chosen, and is no leftover of a person).
    """
    path = _leftover(wanted, before, after, ())
    if path is None:
        return None
    for entry in managed:
        fields: Any = (entry.get("fieldsV1") or {}).get("f:spec")
        for name in path:
            fields = fields.get(f"f:{name}") if isinstance(fields, Mapping) else None
        if fields is not None:
            return str(entry.get("manager", ""))
    return None


def _leftover(
    wanted: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    path: tuple[str, ...],
) -> tuple[str, ...] | None:
    for name, old in before.items():
        here = (*path, name)
        if name not in wanted:
            if name in after and after[name] == old:
                return here
        elif isinstance(old, Mapping) and isinstance(wanted[name], Mapping):
            left = after.get(name)
            if isinstance(left, Mapping):
                found = _leftover(wanted[name], old, left, here)
                if found:
                    return found
    return None


def _owned(spec: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    owned: dict[str, Any] = {}
    for key, inner in fields.items():
        name = key.removeprefix("f:")
        if not key.startswith("f:") or name not in spec:
            continue
        value = spec[name]
        if isinstance(value, Mapping) and inner:
            part = _owned(value, inner)
            if part:
                owned[name] = part
        else:
            owned[name] = copy.deepcopy(value)
    return owned
