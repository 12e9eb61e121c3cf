"""What the proxies of the campaigns share: what they pass on, and the way to an API server."""

import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

AWAY = (aiohttp.ClientError, OSError, TimeoutError)
"""What a far end that is away raises."""

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_LARGEST_BODY = 64 * 1024 * 1024
_LONGEST_LINE = 2**23


def passing(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    """Return an application that gives every request to `handle`."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def end_to_end(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that are about more than one connection."""
    return {
        str(name): str(value)
        for name, value in headers.items()
        if str(name).lower() not in _HOP_BY_HOP
    }


@dataclass
class FarApi:
    """An API server: its address, and a session that trusts it and has no credential."""

    address: str
    session: aiohttp.ClientSession
    _document: dict[str, Any]

    async def forward(self, request: web.Request, body: bytes) -> web.Response:
        """Pass a request on with `body`, and return its answer."""
        async with self.session.request(
            request.method,
            f"{self.address}{request.raw_path}",
            headers=end_to_end(request.headers),
            data=body or None,
        ) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers=end_to_end(answer.headers),
            )

    def write_kubeconfig(self, file: Path, address: str) -> Path:
        """Write the kubeconfig to `file`, its credential included, with another address."""
        self._document["clusters"][0]["cluster"]["server"] = address
        file.write_text(yaml.safe_dump(self._document))
        return file


@asynccontextmanager
async def far_api(kubeconfig: Path) -> AsyncIterator[FarApi]:
    """Open a session to the API server of a kubeconfig."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster = document["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster.pop("certificate-authority-data")).decode()
    trust = ssl.create_default_context(cadata=authority)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=trust),
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=_LONGEST_LINE,
        auto_decompress=False,
    ) as session:
        yield FarApi(cluster["server"], session, document)
