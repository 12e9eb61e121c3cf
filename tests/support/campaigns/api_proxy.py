"""A proxy before the API server, for one operator: it counts writes and spoils what watches tell.

The operator's own credential passes through, so that its rights hold. It keeps a ledger of what was
written, and of the uids of what was made.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import aiohttp
from aiohttp import web

from support.campaigns.proxying import AWAY, FarApi, end_to_end, far_api, passing
from support.serving import served

_CREATED = 201
_OWN_AFFAIRS = ("/leases", "/configmaps/konstruct-operator-canary")


class Spoilt(NamedTuple):
    """What becomes of one event: lines with the seconds to hold each back; `ends` the stream."""

    lines: tuple[tuple[float, bytes], ...]
    ends: bool = False


class View(Protocol):
    """What spoils watches; `None` in its place lets everything through as it is."""

    def begins(self, path: str, version: str) -> tuple[str, bytes]:
        """Return the version to watch from, and a line to end the stream with at once or b''."""

    def passes(self, path: str, line: bytes) -> Spoilt:
        """Return what becomes of an event."""


@dataclass
class Ledger:
    """What an operator wrote: each write, and the uids of every address that it made."""

    writes: list[str] = field(default_factory=list)
    made: dict[str, list[str]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    def made_twice(self, name: str) -> list[str]:
        """Return the addresses about `name` that were made more than once."""
        return [one for one, uids in self.made.items() if name in one and len(set(uids)) > 1]


class ApiProxy:
    """Serves plain HTTP on 127.0.0.1 and speaks TLS to the API server."""

    def __init__(self, far: FarApi) -> None:
        self._far = far
        self.ledger = Ledger()
        self.view: View | None = None
        self.passed: Counter[str] = Counter()
        self._armed: dict[str, int] = {}
        self._kill: Callable[[], Awaitable[None]] | None = None

    def arm(self, about: str, count: int, kill: Callable[[], Awaitable[None]]) -> None:
        """Kill once, right after the `count`-th write that is about a tenant; `passed` counts.

        No armed name may be part of another one.
        """
        self._armed[about], self._kill = count, kill

    def disarm(self, about: str) -> bool:
        """Let everything about a tenant pass again; tell whether it had come to the kill."""
        return self._armed.pop(about) <= self.passed[about]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and its answer back."""
        try:
            if request.query.get("watch") == "true":
                return await self._watch(request)
            return await self._pass(request)
        except AWAY:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        answer = await self._far.forward(request, body)
        own = any(one in request.path for one in _OWN_AFFAIRS)
        if request.method != "GET" and not own:
            self._note(request, answer)
            if answer.status < 400 and self._is_last(request.path, body):
                assert self._kill is not None
                await self._kill()
                raise ConnectionResetError
        return answer

    def _note(self, request: web.Request, answer: web.Response) -> None:
        if answer.status >= 400:
            self.ledger.refused[f"{answer.status} {request.method}"] += 1
            return
        self.ledger.writes.append(f"{request.method} {request.path}")
        if answer.status == _CREATED:
            metadata = json.loads(answer.text or "")["metadata"]
            path = request.path
            address = path if path.endswith(metadata["name"]) else f"{path}/{metadata['name']}"
            self.ledger.made.setdefault(address, []).append(metadata["uid"])

    def _is_last(self, path: str, body: bytes) -> bool:
        for about, last in self._armed.items():
            if about in path or about.encode() in body:
                self.passed[about] += 1
                return self.passed[about] == last
        return False

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        query, ended = dict(request.query), b""
        if self.view is not None and "resourceVersion" in query:
            version, ended = self.view.begins(request.path, query["resourceVersion"])
            query["resourceVersion"] = version
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if ended:
            await response.prepare(request)
            await response.write(ended)
            await response.write_eof()
            return response
        async with self._far.session.get(
            f"{self._far.address}{request.path}", params=query, headers=end_to_end(request.headers)
        ) as answer:
            response.set_status(answer.status)
            await response.prepare(request)
            await _Stream(self, request.path, response).pump(answer.content)
        await response.write_eof()
        return response


class _Stream:
    """One watch: what is held back is written later, beside what comes meanwhile."""

    def __init__(self, proxy: ApiProxy, path: str, response: web.StreamResponse) -> None:
        self._proxy, self._path, self._response = proxy, path, response
        self._held: set[asyncio.Task[None]] = set()

    async def pump(self, lines: aiohttp.StreamReader) -> None:
        """Pass events on until the server or the view ends the stream."""
        try:
            async for line in lines:
                if self._proxy.view is None:
                    await self._response.write(line)
                    continue
                spoilt = self._proxy.view.passes(self._path, line)
                for seconds, one in spoilt.lines:
                    await self._write(seconds, one)
                if spoilt.ends:
                    return
        finally:
            for task in self._held:
                task.cancel()
            await asyncio.gather(*self._held, return_exceptions=True)

    async def _write(self, seconds: float, line: bytes) -> None:
        if not seconds:
            await self._response.write(line)
            return

        async def later() -> None:
            await asyncio.sleep(seconds)
            with contextlib.suppress(*AWAY):
                await self._response.write(line)

        task = asyncio.create_task(later())
        self._held.add(task)
        task.add_done_callback(self._held.discard)


@asynccontextmanager
async def api_proxy(kubeconfig: Path) -> AsyncIterator[tuple[ApiProxy, Path]]:
    """Serve before the API server of a kubeconfig; yield the proxy and a kubeconfig of it."""
    async with far_api(kubeconfig) as far:
        proxy = ApiProxy(far)
        async with served(passing(proxy.handle)) as address:
            own = kubeconfig.with_name(f"proxied-{kubeconfig.name}")
            yield proxy, far.write_kubeconfig(own, address)
