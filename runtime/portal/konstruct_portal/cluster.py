"""Resources in a Kubernetes API: the portal's one door to Kubernetes.

Edits are server-side apply without force, under one field manager, and of no more than what was
changed: fields that a GitOps controller declares stay its own, and an edit of one of them is a
conflict that names it. A field that somebody else declares cannot be removed by apply at all; a
dry run shows that before anything is written.
"""

import copy
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import aiohttp
from kubernetes.aio import client, config

from konstruct_portal.errors import (
    Problem,
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourceReadOnly,
    ResourcesUnavailable,
)
from konstruct_portal.ownership import changed_fields, merged, owned_fields, owner_of_leftover
from konstruct_portal.resources import GROUP, KINDS, VERSION, Resource

MANAGER = "konstruct-portal"
_APPLY = "application/apply-patch+yaml"
_SECONDS = 10
_PAGE = 250


@asynccontextmanager
async def open_cluster() -> AsyncIterator["ClusterResources"]:
    """Open the API of the pod's own cluster, or of the present kubeconfig outside of one."""
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        await config.load_kube_config()  # type: ignore[no-untyped-call]
    async with client.ApiClient() as api:
        yield ClusterResources(api)


class ClusterResources:
    """The declared resources of a cluster."""

    def __init__(self, api: client.ApiClient) -> None:
        self._objects = client.CustomObjectsApi(api)

    @property
    def editable(self) -> bool:
        """Writing is possible; what the portal's role forbids is refused one by one."""
        return True

    async def list(self, kind: str, *, namespace: str | None = None) -> list[Resource]:
        """Return all resources of a kind, by name, read in pages."""
        found: list[Resource] = []
        following = ""
        with _translated(kind, ""):
            while True:
                page = await self._list_page(kind, namespace, following)
                found += [_resource(kind, one) for one in page.get("items", [])]
                following = page.get("metadata", {}).get("continue", "")
                if not following:
                    return sorted(found, key=lambda one: (one.name, one.namespace))

    async def get(self, kind: str, name: str, *, namespace: str | None = None) -> Resource:
        """Return one resource."""
        return _resource(kind, await self._read(kind, name, namespace))

    async def replace_spec(self, resource: Resource, spec: dict[str, Any]) -> Resource:
        """Apply what differs from the stored spec, and nothing else."""
        stored = await self._read(resource.kind, resource.name, resource.namespace)
        version = stored["metadata"].get("resourceVersion", "")
        if resource.resource_version and version != resource.resource_version:
            raise ResourceConflict("", "The resource was changed since this page was loaded.")
        before = stored.get("spec", {})
        managed = stored["metadata"].get("managedFields", [])
        body = _document(
            resource, merged(owned_fields(spec, managed, MANAGER), changed_fields(before, spec))
        )
        body["metadata"]["resourceVersion"] = version
        tried = await self._apply(resource, body, dry_run=True)
        owner = owner_of_leftover(wanted=spec, before=before, after=tried["spec"], managed=managed)
        if owner is not None:
            raise ResourceConflict(owner, f"A field is declared by {owner or 'somebody else'}.")
        return _resource(resource.kind, await self._apply(resource, body, dry_run=False))

    async def create(self, resource: Resource) -> Resource:
        """Declare a new resource."""
        plural, namespaced = KINDS[resource.kind]
        body = _document(resource, resource.spec)
        with _translated(resource.kind, resource.name):
            if namespaced:
                made = await self._objects.create_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    resource.namespace,
                    plural,
                    body,
                    field_manager=MANAGER,
                    _request_timeout=_SECONDS,
                )
            else:
                made = await self._objects.create_cluster_custom_object(
                    GROUP,
                    VERSION,
                    plural,
                    body,
                    field_manager=MANAGER,
                    _request_timeout=_SECONDS,
                )
        return _resource(resource.kind, cast("dict[str, Any]", made))

    async def delete(self, resource: Resource) -> None:
        """Remove a resource; the operator tidies up what it made for it."""
        plural, namespaced = KINDS[resource.kind]
        with _translated(resource.kind, resource.name):
            if namespaced:
                await self._objects.delete_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    resource.namespace,
                    plural,
                    resource.name,
                    _request_timeout=_SECONDS,
                )
            else:
                await self._objects.delete_cluster_custom_object(
                    GROUP, VERSION, plural, resource.name, _request_timeout=_SECONDS
                )

    async def _read(self, kind: str, name: str, namespace: str | None) -> dict[str, Any]:
        plural, namespaced = KINDS[kind]
        with _translated(kind, name):
            if namespaced:
                found = await self._objects.get_namespaced_custom_object(
                    GROUP, VERSION, namespace or "", plural, name, _request_timeout=_SECONDS
                )
            else:
                found = await self._objects.get_cluster_custom_object(
                    GROUP, VERSION, plural, name, _request_timeout=_SECONDS
                )
        return cast("dict[str, Any]", found)

    async def _list_page(self, kind: str, namespace: str | None, following: str) -> dict[str, Any]:
        plural, namespaced = KINDS[kind]
        options: dict[str, Any] = {"limit": _PAGE, "_request_timeout": _SECONDS}
        if following:
            options["_continue"] = following
        if namespaced and namespace is not None:
            page = await self._objects.list_namespaced_custom_object(
                GROUP, VERSION, namespace, plural, **options
            )
        else:
            page = await self._objects.list_cluster_custom_object(GROUP, VERSION, plural, **options)
        return cast("dict[str, Any]", page)

    async def _apply(
        self, resource: Resource, body: dict[str, Any], *, dry_run: bool
    ) -> dict[str, Any]:
        plural, namespaced = KINDS[resource.kind]
        options: dict[str, Any] = {
            "field_manager": MANAGER,
            "field_validation": "Strict",
            "force": False,
            "_content_type": _APPLY,
            "_request_timeout": _SECONDS,
            **({"dry_run": "All"} if dry_run else {}),
        }
        with _translated(resource.kind, resource.name):
            if namespaced:
                applied = await self._objects.patch_namespaced_custom_object(
                    GROUP, VERSION, resource.namespace, plural, resource.name, body, **options
                )
            else:
                applied = await self._objects.patch_cluster_custom_object(
                    GROUP, VERSION, plural, resource.name, body, **options
                )
        return cast("dict[str, Any]", applied)


def _document(resource: Resource, spec: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": resource.name}
    if resource.namespace:
        metadata["namespace"] = resource.namespace
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": resource.kind,
        "metadata": metadata,
        "spec": copy.deepcopy(spec),
    }


def _resource(kind: str, stored: dict[str, Any]) -> Resource:
    metadata = stored.get("metadata", {})
    annotations = dict(metadata.get("annotations") or {})
    spec_owners = [
        one.get("manager", "")
        for one in metadata.get("managedFields") or []
        if "f:spec" in (one.get("fieldsV1") or {}) and not one.get("subresource")
    ]
    return Resource(
        kind=kind,
        name=metadata.get("name", ""),
        namespace=metadata.get("namespace", ""),
        spec=dict(stored.get("spec") or {}),
        status=dict(stored.get("status") or {}),
        resource_version=metadata.get("resourceVersion", ""),
        managed_by=", ".join(sorted({one for one in spec_owners if one and one != MANAGER})),
        annotations=annotations,
    )


@contextmanager
def _translated(kind: str, name: str) -> Iterator[None]:
    """Turn the API's answers into the port's errors."""
    try:
        yield
    except client.ApiException as error:
        raise _error(kind, name, error) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ResourcesUnavailable("The Kubernetes API cannot be reached.") from error


def _error(kind: str, name: str, error: client.ApiException) -> Exception:
    status = _status(error)
    message = str(status.get("message", "")) or str(error.reason)
    causes = (status.get("details") or {}).get("causes") or []
    match error.status:
        case 404:
            return ResourceNotFound(kind, name)
        case 403:
            return ResourceReadOnly(message)
        case 409:
            named = re.search(r'conflict with "([^"]+)"', message + json.dumps(causes))
            return ResourceConflict(named[1] if named else "", message)
        case 400 | 422:
            problems = [
                Problem(str(one.get("field", "")).strip(), str(one.get("message", "")))
                for one in causes
            ]
            return ResourceInvalid(problems or [Problem("", message)])
        case _:
            return ResourcesUnavailable(message)


def _status(error: client.ApiException) -> dict[str, Any]:
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
