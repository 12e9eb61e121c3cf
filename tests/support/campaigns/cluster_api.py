"""The API server as a campaign's oracle sees it: plain requests, and a mirror of everything.

Nothing of the operator is asked here: what a campaign judges is what the API server stores.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from support.cluster import Cluster

Document = dict[str, Any]
JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_LONGEST_LINE = 2**23
_LOOK_SECONDS = 0.02


class Resource(NamedTuple):
    """A collection of the API: its root path, plural and kind."""

    root: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the address of an object, or of the collection."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.root}{inside}/{self.plural}" + (f"/{name}" if name else "")


_OURS = "/apis/konstruct.dev/v1alpha1"
RESOURCES = {
    one.kind: one
    for one in (
        Resource(_OURS, "tenants", "Tenant", namespaced=False),
        Resource(_OURS, "agents", "Agent"),
        Resource(_OURS, "channelconnections", "ChannelConnection"),
        Resource(_OURS, "agenttemplates", "AgentTemplate", namespaced=False),
        Resource("/api/v1", "namespaces", "Namespace", namespaced=False),
        Resource("/api/v1", "secrets", "Secret"),
        Resource("/api/v1", "configmaps", "ConfigMap"),
        Resource("/api/v1", "serviceaccounts", "ServiceAccount"),
        Resource("/apis/rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
        Resource("/apis/networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"),
        Resource("/apis/apps/v1", "deployments", "Deployment"),
        Resource("/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    )
}
CHILDREN = (
    "Secret",
    "ServiceAccount",
    "RoleBinding",
    "NetworkPolicy",
    "Deployment",
    "PodDisruptionBudget",
)
"""Kinds of what the operator makes inside a tenant's namespace."""


class Unexpected(AssertionError):
    """The API server answered what a campaign did not ask for."""


@dataclass(frozen=True)
class Answer:
    """A status and a document; `message` is a refusal's own."""

    status: int
    document: Document

    @property
    def good(self) -> bool:
        """Tell whether the request was granted."""
        return self.status < 400

    @property
    def message(self) -> str:
        """Return what the API server says of a refusal."""
        return str(self.document.get("message", ""))

    def or_fail(self) -> Document:
        """Return the document. Raises Unexpected for a refusal."""
        if not self.good:
            raise Unexpected(f"{self.status}: {self.message[:500]}")
        return self.document


class Api:
    """Requests with an administrator's rights."""

    def __init__(self, host: str, session: aiohttp.ClientSession) -> None:
        self.host, self.session = host, session

    async def send(
        self, method: str, path: str, body: Any = None, *, kind: str = JSON, **query: str
    ) -> Answer:
        """Send one request; a refusal is an answer like any other."""
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        async with self.session.request(
            method,
            self.host + path,
            params=query,
            data=None if body is None else io.BytesIO(data),
            headers={"Content-Type": kind},
        ) as response:
            text = await response.read()
            try:
                return Answer(response.status, json.loads(text))
            except ValueError:
                return Answer(response.status, {"message": text.decode(errors="replace")})

    async def get(self, kind: str, name: str, namespace: str = "") -> Document | None:
        """Return an object, None where there is none."""
        answer = await self.send("GET", RESOURCES[kind].path(namespace, name))
        return None if answer.status == 404 else answer.or_fail()

    async def list(self, kind: str, namespace: str = "", selector: str = "") -> list[Document]:
        """Return the objects of a collection, each with its kind."""
        query = {"labelSelector": selector} if selector else {}
        answer = await self.send("GET", RESOURCES[kind].path(namespace), **query)
        return [{**one, "kind": kind} for one in answer.or_fail()["items"]]

    async def apply(self, document: Document) -> Document:
        """Declare a document as a person's server-side apply does."""
        metadata = document["metadata"]
        path = RESOURCES[document["kind"]].path(metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": "campaign", "force": "true"}
        return (await self.send("PATCH", path, document, kind=APPLY, **query)).or_fail()

    async def replace(self, document: Document) -> Answer:
        """Put a document in the place of what is stored, as strictly as kubectl asks."""
        metadata = document["metadata"]
        path = RESOURCES[document["kind"]].path(metadata.get("namespace", ""), metadata["name"])
        return await self.send("PUT", path, document, fieldValidation="Strict")

    async def merge(self, kind: str, name: str, patch: Document, namespace: str = "") -> Answer:
        """Change an object by a merge patch."""
        return await self.send("PATCH", RESOURCES[kind].path(namespace, name), patch, kind=MERGE)

    async def delete(self, kind: str, name: str, namespace: str = "", *, how: str = "") -> Answer:
        """Delete an object; `how` is the propagation policy."""
        body = {"propagationPolicy": how} if how else None
        return await self.send("DELETE", RESOURCES[kind].path(namespace, name), body)


@asynccontextmanager
async def api_of(cluster: Cluster) -> AsyncIterator[Api]:
    """Open an administrator's connection to a test cluster."""
    found = Configuration()
    await config.load_kube_config(str(cluster.kubeconfig), client_configuration=found)  # type: ignore[no-untyped-call]
    trust = ApiClient(found).rest_client.ssl_context
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=trust),
        read_bufsize=_LONGEST_LINE,
        timeout=aiohttp.ClientTimeout(total=120),
    ) as session:
        yield Api(found.host, session)


Address = tuple[str, str, str]


class Mirror:
    """Everything of some kinds, kept fresh by watches; a broken watch begins anew by itself."""

    def __init__(self, api: Api, kinds: Sequence[str] = tuple(RESOURCES)) -> None:
        self._api, self._kinds = api, kinds
        self._tasks: list[asyncio.Task[None]] = []
        self._objects: dict[Address, Document] = {}
        self._read = dict.fromkeys(kinds, False)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._follow(kind)) for kind in self._kinds]
        await until(lambda: all(self._read.values()), seconds=60, what="the mirror")
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def get(self, kind: str, name: str, namespace: str = "") -> Document | None:
        """Return an object, or None."""
        return self._objects.get((kind, namespace, name))

    def everything(self) -> list[Document]:
        """Return every object."""
        return list(self._objects.values())

    def inside(self, namespace: str, kinds: Sequence[str] = CHILDREN) -> Iterator[Document]:
        """Yield what lies in a namespace."""
        for (kind, place, _), document in list(self._objects.items()):
            if place == namespace and kind in kinds:
                yield document

    async def _follow(self, kind: str) -> None:
        while True:
            try:
                await self._once(kind)
            except (aiohttp.ClientError, OSError, Unexpected):
                await asyncio.sleep(0.2)

    async def _once(self, kind: str) -> None:
        path = RESOURCES[kind].path()
        found = (await self._api.send("GET", path)).or_fail()
        # Items of a list do not say what they are; events do.
        what = {"apiVersion": found["apiVersion"], "kind": kind}
        listed = {_address(kind, one): {**one, **what} for one in found["items"]}
        for address in [one for one in self._objects if one[0] == kind and one not in listed]:
            del self._objects[address]
        self._objects |= listed
        self._read[kind] = True
        query = {"watch": "true", "resourceVersion": found["metadata"]["resourceVersion"]}
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._api.session.get(
            self._api.host + path, params=query, timeout=timeout
        ) as response:
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                address = _address(kind, event["object"])
                if event["type"] == "DELETED":
                    self._objects.pop(address, None)
                else:
                    self._objects[address] = event["object"]


async def until(condition: Callable[[], object], *, seconds: float, what: str = "this") -> None:
    """Wait until it holds. Raises TimeoutError that says what did not happen."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the oracle looks, nobody announces
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"{what} did not happen within {seconds} s") from None


def conditions_of(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the conditions of an object by type."""
    return {one["type"]: one for one in document.get("status", {}).get("conditions", [])}


def _address(kind: str, document: Mapping[str, Any]) -> Address:
    return kind, document["metadata"].get("namespace", ""), document["metadata"]["name"]
