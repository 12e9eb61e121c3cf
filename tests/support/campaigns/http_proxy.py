"""A proxy for HTTP that stops before a request, or before its answer."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from support.campaigns.proxying import AWAY, end_to_end, passing
from support.campaigns.trap import AFTER, BEFORE, Sprung, Trap
from support.serving import served

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


class _HttpProxy:
    def __init__(self, trap: Trap, hop: str, far: str) -> None:
        self._trap = trap
        self._hop = hop
        self._far = far
        self.session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and its answer back."""
        assert self.session is not None
        label = f"{request.method} {_ID.sub('*', request.path)}"
        try:
            await self._trap.passes(self._hop, label, BEFORE)
            chunked = "chunked" in request.headers.get("Transfer-Encoding", "")
            body = request.content if chunked else await request.read()
            async with self.session.request(
                request.method,
                f"{self._far}{request.raw_path}",
                headers=end_to_end(request.headers),
                data=body,
                allow_redirects=False,
            ) as answer:
                return await self._back(request, answer, label)
        except (Sprung, *AWAY):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

    async def _back(
        self, request: web.Request, answer: aiohttp.ClientResponse, label: str
    ) -> web.StreamResponse:
        answered = f"{label} {answer.status}"
        streams = answer.content_type == "text/event-stream"
        if not streams or self._trap.awaits(self._hop, answered):
            body = await answer.read()
            await self._trap.passes(self._hop, answered, AFTER)
            return web.Response(status=answer.status, body=body, headers=end_to_end(answer.headers))
        response = web.StreamResponse(status=answer.status, headers=end_to_end(answer.headers))
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await self._trap.passes(self._hop, answered, AFTER)
        await response.write_eof()
        return response


@asynccontextmanager
async def http_proxy(trap: Trap, hop: str, far: str) -> AsyncIterator[str]:
    """Serve a proxy before `far` (a base URL without path); yield its own base URL."""
    proxy = _HttpProxy(trap, hop, far)
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        served(passing(proxy.handle)) as base,
        aiohttp.ClientSession(
            timeout=timeout, connector=connector, auto_decompress=False
        ) as session,
    ):
        proxy.session = session
        yield base
