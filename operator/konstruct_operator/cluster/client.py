"""Requests to the API server, as plain dictionaries, with this product's errors."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Self, TypeVar, cast

import aiohttp

from konstruct_operator import names
from konstruct_operator.cluster.access import Access, access
from konstruct_operator.cluster.fence import Fence, plural_of
from konstruct_operator.cluster.kinds import Kind
from konstruct_operator.errors import (
    AlreadyThere,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    RetryLater,
)

Document = dict[str, Any]

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=5)
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_APPLY_PATCH: Final = "application/apply-patch+yaml"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# Kubernetes' watch events can exceed aiohttp's own bound of a line.
_LONGEST_LINE: Final = 2**21
_PAGE: Final = 100
_NO_LIMIT: Final = 0
_NOT_PLAIN_IN_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_INSISTENCE_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16)

Result = TypeVar("Result")


class Cluster:
    """A connection to one Kubernetes API server. Close it with `close`.

    Requests go through aiohttp directly. The Kubernetes client's own way costs twice the processor
    time, and it escapes whatever is not ASCII: the API server reads an apply's body as YAML, in
    which an escaped emoji is an error.
    """

    def __init__(
        self,
        way: Access,
        session: aiohttp.ClientSession,
        streams: aiohttp.ClientSession,
        fence: Fence | None = None,
    ) -> None:
        """`session` makes requests, `streams` holds the watches."""
        self._way = way
        self._session = session
        self._streams = streams
        self.writes: Counter[str] = Counter()
        self._fence = fence or Fence()

    def fence(self, leads: Callable[[], bool]) -> None:
        """Write nothing but Leases from now on while `leads` says no; raises RetryLater then."""
        self._fence.leads = leads

    @classmethod
    async def connect(cls, *, pool: int = 16) -> Self:
        """Connect as a pod, or by KUBECONFIG outside one. Raises ConfigurationWrong.

        At most `pool` requests are made at once, each connection takes 256 KiB for TLS alone.
        Watches have connections of their own, as many as there are watches.
        """
        way = await access()
        fence = Fence(way.base_path)

        def session(limit: int) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                request_class=fence.request_class(),
                connector=aiohttp.TCPConnector(limit=limit, ssl=way.trust),
                headers={"User-Agent": names.FIELD_MANAGER, "Accept": _JSON},
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_LONGEST_LINE,
                proxy=way.proxy,
            )

        return cls(way, session(pool), session(_NO_LIMIT), fence)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(self._session.close(), self._streams.close())

    async def get(self, kind: Kind, name: str, *, namespace: str = "") -> Document:
        """Return one object. Raises NotFound."""
        return await self._request("GET", kind.path(namespace=namespace, name=name))

    async def find(self, kind: Kind, name: str, *, namespace: str = "") -> Document | None:
        """Return one object, or None where there is none."""
        try:
            return await self.get(kind, name, namespace=namespace)
        except NotFound:
            return None

    async def list(
        self,
        kind: Kind,
        *,
        namespace: str = "",
        selector: str = "",
        name: str = "",
        from_cache: bool = False,
    ) -> tuple[list[Document], str]:
        """Return the objects of a collection and the collection's resourceVersion.

        With a `name` only that one, which takes no right but to list. `from_cache` accepts the API
        server's watch cache, which may be moments old.
        """
        query = {"labelSelector": selector} if selector else {}
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        if from_cache:
            query["resourceVersion"] = "0"
        answer = await self._request("GET", kind.path(namespace=namespace), query=query)
        return _named(answer["items"], kind), answer["metadata"]["resourceVersion"]

    async def pages(
        self,
        kind: Kind,
        *,
        namespace: str = "",
        selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[Document]:
        """Yield a collection's objects, or no more than their metadata, as lists of bounded size.

        All pages are of one moment, which each page's metadata.resourceVersion names.
        """
        query = {"limit": str(_PAGE)}
        if selector:
            query["labelSelector"] = selector
        accept = _METADATA_LIST if metadata_only else _JSON
        while True:
            path = kind.path(namespace=namespace)
            page = await self._request("GET", path, query=query, accept=accept)
            # An empty list of metadata has null there.
            page["items"] = _named(page.get("items") or [], kind)
            yield page
            if not page["metadata"].get("continue"):
                return
            query["continue"] = page["metadata"]["continue"]

    async def create(self, kind: Kind, document: Document) -> Document:
        """Create an object. Raises AlreadyThere."""
        namespace = document["metadata"].get("namespace", "")
        return await self._request(
            "POST",
            kind.path(namespace=namespace),
            query={"fieldManager": names.FIELD_MANAGER},
            body=document,
        )

    async def apply(self, kind: Kind, document: Document, *, subresource: str = "") -> Document:
        """Apply our fields of an object on the server's side, taking them over from others."""
        metadata = document["metadata"]
        path = kind.path(
            namespace=metadata.get("namespace", ""), name=metadata["name"], subresource=subresource
        )
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        return await self._request(
            "PATCH", path, query=query, body=document, content_type=_APPLY_PATCH
        )

    async def replace(self, kind: Kind, document: Document) -> Document:
        """Replace an object of exactly this resourceVersion. Raises RetryLater on a conflict."""
        metadata = document["metadata"]
        path = kind.path(namespace=metadata.get("namespace", ""), name=metadata["name"])
        query = {"fieldManager": names.FIELD_MANAGER}
        return await self._request("PUT", path, query=query, body=document)

    async def merge(
        self, kind: Kind, name: str, patch: Mapping[str, Any], *, namespace: str = ""
    ) -> Document:
        """Change an object by a merge patch."""
        path = kind.path(namespace=namespace, name=name)
        query = {"fieldManager": names.FIELD_MANAGER}
        return await self._request(
            "PATCH", path, query=query, body=dict(patch), content_type=_MERGE_PATCH
        )

    async def delete(self, kind: Kind, name: str, *, namespace: str = "", uid: str = "") -> None:
        """Delete an object in the background, only this `uid` where given; absent is fine."""
        body: Document = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        path = kind.path(namespace=namespace, name=name)
        try:
            await self._request("DELETE", path, body=body)
        except NotFound:
            return

    async def watch(
        self, kind: Kind, *, namespace: str, selector: str, version: str, seconds: int
    ) -> AsyncIterator[Document]:
        """Yield the watch events after `version` until the server ends the stream.

        Raises RetryLater when nothing, not even a bookmark, comes for 70 seconds.
        """
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=70)
        try:
            response = await self._send(
                "GET",
                kind.path(namespace=namespace),
                query=query,
                timeout=timeout,
                session=self._streams,
            )
            if response.status >= 400:  # noqa: PLR2004 - HTTP's errors begin there
                _raise_for(response.status, await response.read())
            async with response:
                async for line in response.content:
                    if line.strip():
                        yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RetryLater(f"The watch of {kind.plural} broke: {error!r}") from error

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> Document:
        if method != "GET":
            self._fence.check(method, path)
            self.writes[plural_of(path)] += 1
        try:
            response = await self._send(
                method,
                path,
                query=query,
                body=body,
                content_type=content_type,
                accept=accept,
                timeout=REQUEST_TIMEOUT,
                session=self._session,
            )
            data = await response.read()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:  # noqa: UP041 - aiohttp's
            raise RetryLater(f"The API server did not answer {method} {path}: {error!r}") from error
        if response.status >= 400:  # noqa: PLR2004 - HTTP's errors begin there
            _raise_for(response.status, data)
        return cast("Document", json.loads(data))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        body: Document | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - handed to aiohttp
        session: aiohttp.ClientSession,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept}
        authorization = await self._way.authorization()
        if authorization:
            headers["Authorization"] = authorization
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = body_text(body)
        return await session.request(
            method,
            self._way.url + path,
            params=query,
            data=data,
            headers=headers,
            timeout=timeout,
            server_hostname=self._way.server_name,
        )


async def insist(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Return what `attempt` returns, trying again for a third of a second while it is forbidden.

    A RoleBinding that was just made takes a moment until it counts. Raises Forbidden when it stays.
    """
    for pause in _INSISTENCE_SECONDS:
        try:
            return await attempt()
        except Forbidden:
            await asyncio.sleep(pause)
    return await attempt()


def _raise_for(status: int, data: bytes) -> None:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = {}
    message = str(answer.get("message") or data[:200])
    reason = answer.get("reason", "")
    if status == 404:  # noqa: PLR2004
        raise NotFound(message)
    if status == 409 and reason == "AlreadyExists":  # noqa: PLR2004
        raise AlreadyThere(message)
    if status == 403:  # noqa: PLR2004
        raise Forbidden(message)
    if status in {400, 422}:
        raise Invalid(message)
    if status in {401, 409, 410, 429} or status >= 500:  # noqa: PLR2004
        raise RetryLater(f"{status}: {message}")
    raise Refused(f"{status}: {message}")


def _named(items: list[Document], kind: Kind) -> list[Document]:
    """Return a list's items with what they are, which a list says once and each event anew."""
    return [{"apiVersion": kind.api_version, "kind": kind.kind} | one for one in items]


def body_text(body: Document) -> bytes:
    """Return a body that is the same as JSON and, as an apply's is read, as YAML.

    YAML takes escaped halves of an emoji for an error, control characters that are not escaped as
    well, and breaks lines at the separators of other scripts. https://yaml.org/spec/1.1/#id868524
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _NOT_PLAIN_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
