"""Resources in a Kubernetes API: the portal's one door to Kubernetes.

Edits are server-side apply without force, under one field manager, and of no more than what was
changed: fields that a GitOps controller declares stay its own, and an edit of one of them is a
conflict that names it. A field that somebody else declares cannot be removed by apply at all; a
dry run shows that before anything is written.
"""

import copy
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import quote

import aiohttp
from kubernetes.aio import client, config

from konstruct_portal.errors import (
    ClusterUnknown,
    Problem,
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourceReadOnly,
    ResourcesUnavailable,
)
from konstruct_portal.ownership import changed_fields, merged, owned_fields, owner_of_leftover
from konstruct_portal.resources import GROUP, KINDS, VERSION, Resource, secret_document

MANAGER = "konstruct-portal"
# With a charset, or the client would serialise the body itself, and escape it.
_APPLY = "application/apply-patch+yaml; charset=utf-8"
# Not JSON, which the client would serialise once more; every JSON document is YAML.
_YAML = "application/yaml; charset=utf-8"
_FIRST_ERROR = 400
_SECONDS = 10
_PAGE = 250


@asynccontextmanager
async def open_cluster() -> AsyncIterator["ClusterResources"]:
    """Open the API of the pod's own cluster, or of the present kubeconfig outside of one.

    Raises ClusterUnknown.
    """
    settings = client.Configuration()
    try:
        try:
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise ClusterUnknown(
            "No Kubernetes API: run inside a pod with a service account, or set KUBECONFIG."
        ) from error
    async with client.ApiClient(settings) as api:
        yield ClusterResources(api)


class ClusterResources:
    """The declared resources of a cluster."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @property
    def editable(self) -> bool:
        """Writing is possible; what the portal's role forbids is refused one by one."""
        return True

    async def list(self, kind: str, *, namespace: str | None = None) -> list[Resource]:
        """Return all resources of a kind, by name, read in pages."""
        found: list[Resource] = []
        query = {"limit": str(_PAGE)}
        while True:
            page = await self._send("GET", kind, "", namespace, query=query)
            found += [_resource(kind, one) for one in page.get("items", [])]
            following = page.get("metadata", {}).get("continue", "")
            if not following:
                return sorted(found, key=lambda one: (one.name, one.namespace))
            query["continue"] = following

    async def get(self, kind: str, name: str, *, namespace: str | None = None) -> Resource:
        """Return one resource."""
        return _resource(kind, await self._send("GET", kind, name, namespace))

    async def replace_spec(
        self, resource: Resource, spec: dict[str, Any], *, dry_run: bool = False
    ) -> Resource:
        """Apply what differs from the stored spec, and nothing else."""
        stored = await self._send("GET", resource.kind, resource.name, resource.namespace)
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
        if dry_run:
            return _resource(resource.kind, tried)
        return _resource(resource.kind, await self._apply(resource, body, dry_run=False))

    async def create(self, resource: Resource, *, dry_run: bool = False) -> Resource:
        """Declare a new resource.

        Made by apply as well: fields made by POST would be owned by another operation of ours, and
        our own next apply would conflict with it. Should somebody make the same name in between,
        apply without force takes nothing from them.
        """
        try:
            await self._send("GET", resource.kind, resource.name, resource.namespace)
        except ResourceNotFound:
            body = _document(resource, resource.spec)
            return _resource(resource.kind, await self._apply(resource, body, dry_run=dry_run))
        raise ResourceConflict("", f"There is a {resource.kind} called {resource.name} already.")

    async def delete(self, resource: Resource) -> None:
        """Remove a resource; the operator tidies up what it made for it."""
        await self._send("DELETE", resource.kind, resource.name, resource.namespace)

    async def create_secret(
        self, namespace: str, prefix: str, data: Mapping[str, str], *, use: str
    ) -> str:
        """Make a Secret by POST, the one thing the portal's role may do with Secrets.

        The API server finds the name; of its answer, which shows the data, only that is kept.
        """
        made = await self._request(
            "POST",
            f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets",
            what=("Secret", prefix),
            query={"fieldManager": MANAGER},
            body=secret_document(prefix, data, use=use),
            content_type=_YAML,
        )
        return str(made["metadata"]["name"])

    async def _apply(
        self, resource: Resource, body: dict[str, Any], *, dry_run: bool
    ) -> dict[str, Any]:
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "false"}
        if dry_run:
            query["dryRun"] = "All"
        return await self._send(
            "PATCH", resource.kind, resource.name, resource.namespace, query=query, body=body
        )

    async def _send(
        self,
        method: str,
        kind: str,
        name: str,
        namespace: str | None,
        *,
        query: Mapping[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request about one of our kinds; what it carries is applied."""
        return await self._request(
            method,
            _path(kind, name, namespace),
            what=(kind, name),
            query=query,
            body=body,
            content_type=_APPLY,
        )

    async def _request(
        self,
        method: str,
        path: str,
        *,
        what: tuple[str, str],
        query: Mapping[str, str] | None,
        body: dict[str, Any] | None,
        content_type: str,
    ) -> dict[str, Any]:
        """Send one request. Raises the port's errors, which say `what` it was about."""
        kind_of_body = {} if body is None else {"Content-Type": content_type}
        try:
            request = await self._api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            answer = await self._api.call_api(
                method,
                request[1],
                header_params={**request[2], **kind_of_body},
                # Not escaped: the API server reads it as YAML, which knows no surrogate pairs.
                body=None if body is None else json.dumps(body, ensure_ascii=False),
                _request_timeout=aiohttp.ClientTimeout(total=_SECONDS),
            )
            response = cast("aiohttp.ClientResponse", answer.response)
            data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ResourcesUnavailable("The Kubernetes API cannot be reached.") from error
        try:
            content = cast("dict[str, Any]", json.loads(data or "{}"))
        except ValueError as error:
            raise ResourcesUnavailable("The Kubernetes API cannot be understood.") from error
        if response.status >= _FIRST_ERROR:
            raise _error(*what, response.status, content)
        return content


def _path(kind: str, name: str, namespace: str | None) -> str:
    plural, namespaced = KINDS[kind]
    parts = ["/apis", GROUP, VERSION]
    if namespaced and namespace is not None:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(plural)
    if name:
        parts.append(quote(name, safe=""))
    return "/".join(parts)


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


def _error(kind: str, name: str, code: int, status: Mapping[str, Any]) -> Exception:
    message = str(status.get("message", "")) or f"The Kubernetes API answered {code}."
    causes = (status.get("details") or {}).get("causes") or []
    match code:
        case 404:
            return ResourceNotFound(kind, name)
        case 403:
            return ResourceReadOnly(message)
        case 409:
            named = re.search(r'conflicts? with "([^"]+)"', message)
            return ResourceConflict(named[1] if named else "", message)
        case 400 | 422:
            problems = [
                Problem(str(one.get("field", "")).strip("."), str(one.get("message", "")))
                for one in causes
            ]
            return ResourceInvalid(problems or [Problem("", message)])
        case _ if "failed to create typed patch object" in message:
            # How apply (with 500) refuses a field that the schema does not have.
            path, _, reason = message.rpartition("): ")[2].partition(": ")
            return ResourceInvalid([Problem(path.strip("."), reason)])
        case _:
            return ResourcesUnavailable(message)
