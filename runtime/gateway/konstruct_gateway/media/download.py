"""Fetching a vendor's file without being led astray (SSRF).

A name is resolved once and the connection goes to the address that was looked at: it must be a
public one, unless it is the vendor's own as this installation is set up. Redirects are followed by
hand, each under the same rules; credentials go to the vendor's hosts alone.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import httpx

from konstruct_channels.fetching import Located

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_REDIRECTS = 3
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429})
_GONE = frozenset({401, 403, 404, 410})
_SERVER_ERROR = 500
_OK = 200
_LONGEST_PAUSE_SECONDS = 60.0
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


class DownloadRefused(Exception):
    """The file will not be had from there; `reason` is for programs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DownloadLater(Exception):
    """The file may be had later."""

    def __init__(self, reason: str, *, after_seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


@dataclass(frozen=True)
class Download:
    """A file that has begun to come. `size` is what the answer declares."""

    pieces: AsyncIterator[bytes]
    media_type: str
    size: int | None


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


class Downloader:
    """Opens files at vendors. One per gateway; it keeps no connections between files."""

    def __init__(self, *, resolve: Resolve = resolve, timeout_seconds: float = 10.0) -> None:
        """Take what resolves names, and how long one step may take."""
        self._resolve = resolve
        self._timeout = httpx.Timeout(timeout_seconds)

    @asynccontextmanager
    async def open(self, located: Located) -> AsyncIterator[Download]:
        """Yield the file's download. Raises DownloadRefused or DownloadLater."""
        async with httpx.AsyncClient(
            timeout=self._timeout, trust_env=False, follow_redirects=False
        ) as client:
            url = located.url
            for _ in range(_REDIRECTS + 1):
                request = await self._request(client, url, located)
                response = await _send(client, request)
                try:
                    if response.status_code not in _MOVED:
                        yield _checked(response, located)
                        return
                    url = urljoin(url, response.headers.get("location", ""))
                finally:
                    await response.aclose()
        raise DownloadRefused("too_many_redirects")

    async def _request(
        self, client: httpx.AsyncClient, url: str, located: Located
    ) -> httpx.Request:
        """Return a request to an address that may be asked, under the name it has."""
        parts = _parts(url)
        own = located.origin != "" and _origin(parts) == _origin(_parts(located.origin))
        host = parts.hostname or ""
        if not own and (parts.scheme != "https" or not _listed(host, located.hosts)):
            raise DownloadRefused("host_not_allowed")
        port = parts.port or _PORTS[parts.scheme]
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise DownloadLater("the name is not known") from error
        if not addresses:
            raise DownloadLater("the name has no address")
        if not own and not all(_public(one) for one in addresses):
            raise DownloadRefused("private_address")
        address = addresses[0]
        netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        pinned = urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))
        headers = {
            **located.headers,
            "Host": parts.netloc.rpartition("@")[2],
            "Accept-Encoding": "identity",
        }
        return client.build_request(
            "GET", pinned, headers=headers, extensions={"sni_hostname": host}
        )


async def _send(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    try:
        return await client.send(request, stream=True)
    except httpx.HTTPError as error:
        raise DownloadLater(type(error).__name__) from error


def _checked(response: httpx.Response, located: Located) -> Download:
    status = response.status_code
    if status in _LATER or status >= _SERVER_ERROR:
        raise DownloadLater(f"status {status}", after_seconds=_pause(response))
    if status in _GONE and located.expires:
        raise DownloadLater(f"status {status}")
    if status != _OK:
        raise DownloadRefused(f"status_{status}")
    media_type = response.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if media_type == "text/html" and located.media_type not in {"", "text/html"}:
        # A log-in page in the file's place: the token may not read files.
        raise DownloadRefused("not_the_file")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise DownloadRefused("encoded")
    declared = response.headers.get("content-length", "")
    size = int(declared) if declared.isascii() and declared.isdecimal() else None
    return Download(_pieces(response), media_type, size)


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.HTTPError as error:
        raise DownloadLater(type(error).__name__) from error


def _pause(response: httpx.Response) -> float:
    wanted = response.headers.get("retry-after", "")
    return min(float(wanted), _LONGEST_PAUSE_SECONDS) if wanted.isdecimal() else 2.0


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None:
        raise DownloadRefused("no_address")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def _listed(host: str, hosts: Sequence[str]) -> bool:
    plain = host.rstrip(".").lower()
    return any(plain == one or (one.startswith("*.") and plain.endswith(one[1:])) for one in hosts)


def _public(address: str) -> bool:
    """Tell whether an address belongs to the internet: not to us, a cluster, a cloud's metadata."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address = known
    if isinstance(known, ipaddress.IPv6Address):
        inner = known.ipv4_mapped or known.sixtofour or known
        if known in _NAT64:
            inner = ipaddress.IPv4Address(int(known) & 0xFFFF_FFFF)
    return known.is_global and inner.is_global and not inner.is_multicast
