"""A troubled way to the API server: every operator has an entrance of its own, which can fail.

What passed is kept: which operator wrote what and when, who took the Lease, and when a watch was
opened anew. That is what a campaign judges by; operators say nothing about themselves here.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from support.campaigns.proxying import AWAY, FarApi, end_to_end, far_api, passing

TROUBLES = (
    "away",
    "throttled",
    "throttled without a word",
    "errors",
    "gone",
    "no bookmarks",
    "token expired",
    "silent",
)
_LEASES = "/leases"
_CANARY = "konstruct-operator-canary"
_REFUSED = 400


@dataclass(frozen=True)
class Write:
    """A write that the API server granted: when it came to us, and when it was answered."""

    operator: str
    address: str
    came: float
    done: float


@dataclass
class Entrance:
    """One operator's way: what is wrong with it now, and the streams that go through it."""

    operator: str
    port: int = 0
    trouble: str = ""
    refused_token: str = ""
    skew_seconds: float = 0.0
    """How far the operator's clock is off, as its Lease shows it."""
    streams: dict["_Stream", str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def begin(self, trouble: str, *, token: str = "") -> None:
        """Let something be wrong from now on, also with what already flows."""
        self.trouble, self.refused_token = trouble, token
        self.gone.clear()
        for stream in list(self.streams):
            stream.strike(trouble)

    def end(self) -> None:
        """Let everything pass again; a stream that went silent stays so, as its peer is gone."""
        self.trouble = ""


@dataclass
class Ledger:
    """What passed: writes but those of Lease and canary, holders of the Lease, opened watches."""

    writes: list[Write] = field(default_factory=list)
    holders: list[tuple[float, str]] = field(default_factory=list)
    watches: dict[str, list[float]] = field(default_factory=dict)


class Way:
    """The proxy; `entrances` are its ways by operator."""

    def __init__(self, far: FarApi, seed: int) -> None:
        self._far = far
        self._chance = random.Random(seed)
        self.ledger = Ledger()
        self.entrances: dict[str, Entrance] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, and its answer back, unless its entrance is in trouble."""
        assert request.transport is not None
        port = request.transport.get_extra_info("sockname")[1]
        entrance = next(one for one in self.entrances.values() if one.port == port)
        if entrance.trouble == "away":
            request.transport.abort()
            return web.Response(status=502)
        refusal = self._refusal(entrance, request)
        if refusal is not None:
            return refusal
        try:
            if request.query.get("watch") == "true":
                return await self._watch(entrance, request)
            return await self._pass(entrance, request)
        except AWAY:
            request.transport.abort()
            return web.Response(status=502)

    def _refusal(self, entrance: Entrance, request: web.Request) -> web.Response | None:
        """Return what a troubled server answers instead; None when it answers as always."""
        if entrance.trouble.startswith("throttled"):
            spoken = {} if "without" in entrance.trouble else {"Retry-After": "1"}
            return _status(429, "TooManyRequests", spoken)
        if entrance.trouble == "errors" and self._chance.random() < 0.8:
            code = self._chance.choice([500, 502, 503, 504])
            if self._chance.random() < 0.5:
                return web.Response(status=code, text="<html>Bad Gateway</html>")
            return _status(code, "InternalError", {})
        if entrance.trouble == "token expired":
            credential = request.headers.get("Authorization", "")
            if credential == f"Bearer {entrance.refused_token}":
                return _status(401, "Unauthorized", {})
        watched = request.query.get("watch") == "true" and "resourceVersion" in request.query
        if entrance.trouble == "gone" and watched and request.path not in entrance.gone:
            entrance.gone.add(request.path)
            return _status(410, "Expired", {})
        return None

    async def _pass(self, entrance: Entrance, request: web.Request) -> web.StreamResponse:
        body, came = await request.read(), time.monotonic()
        if _LEASES in request.path and entrance.skew_seconds and body:
            body = _skewed(body, entrance.skew_seconds)
        answer = await self._far.forward(request, body)
        if request.method != "GET" and answer.status < _REFUSED:
            self._note(entrance, request, answer, came)
        if entrance.trouble == "away":
            raise ConnectionResetError
        return answer

    def _note(
        self, entrance: Entrance, request: web.Request, answer: web.Response, came: float
    ) -> None:
        if _LEASES in request.path:
            holder = str(json.loads(answer.text or "")["spec"].get("holderIdentity") or "")
            if not self.ledger.holders or self.ledger.holders[-1][1] != holder:
                self.ledger.holders.append((time.monotonic(), holder))
        elif _CANARY not in request.path:
            address = f"{request.method} {request.path}"
            written = Write(entrance.operator, address, came, time.monotonic())
            self.ledger.writes.append(written)

    async def _watch(self, entrance: Entrance, request: web.Request) -> web.StreamResponse:
        self.ledger.watches.setdefault(request.path, []).append(time.monotonic())
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        async with self._far.session.get(
            f"{self._far.address}{request.raw_path}", headers=end_to_end(request.headers)
        ) as answer:
            response.set_status(answer.status)
            await response.prepare(request)
            stream = _Stream(request, response)
            entrance.streams[stream] = request.path
            if entrance.trouble == "no bookmarks":
                stream.strike(entrance.trouble)
            try:
                await stream.pump(answer.content)
            finally:
                entrance.streams.pop(stream, None)
        return response


class _Stream:
    """One watch."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request, self._response = request, response
        self._ends = asyncio.Event()
        self._silent = self._marked = False
        self._last = b""

    def strike(self, trouble: str) -> None:
        """Spoil the stream as a trouble spoils what flows already."""
        if trouble == "away" and self._request.transport is not None:
            self._request.transport.abort()
            self._ends.set()
        elif trouble == "gone":
            event = {"type": "ERROR", "object": json.loads(_status(410, "Expired", {}).text or "")}
            self._last = json.dumps(event).encode() + b"\n"
            self._ends.set()
        elif trouble == "silent":
            self._silent = True
        elif trouble == "no bookmarks":
            self._marked = True
        elif trouble:
            self._ends.set()

    async def pump(self, lines: aiohttp.StreamReader) -> None:
        """Pass events on until the server, the operator or a trouble ends the stream."""
        ends = asyncio.create_task(self._ends.wait())
        flow = asyncio.create_task(self._flow(lines))
        try:
            await asyncio.wait([ends, flow], return_when=asyncio.FIRST_COMPLETED)
            with contextlib.suppress(*AWAY):
                if self._last:
                    await self._response.write(self._last)
                await self._response.write_eof()
        finally:
            for task in (ends, flow):
                task.cancel()
            await asyncio.gather(ends, flow, return_exceptions=True)

    async def _flow(self, lines: aiohttp.StreamReader) -> None:
        async for line in lines:
            if self._silent or (self._marked and b'"type":"BOOKMARK"' in line[:40]):
                continue
            await self._response.write(line)
        if self._silent:
            await asyncio.Event().wait()  # a dead peer does not say that it ends


@asynccontextmanager
async def troubled_way(
    kubeconfig: Path, operators: list[str], seed: int
) -> AsyncIterator[tuple[Way, dict[str, Path]]]:
    """Serve before the API server; yield the way and a kubeconfig of each operator's entrance."""
    async with far_api(kubeconfig) as far:
        way = Way(far, seed)
        runner = web.AppRunner(passing(way.handle), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        files = {}
        try:
            for name in operators:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                port = runner.addresses[-1][1]
                way.entrances[name] = Entrance(name, port)
                file = kubeconfig.with_name(f"way-{name}.conf")
                files[name] = far.write_kubeconfig(file, f"http://127.0.0.1:{port}")
            yield way, files
        finally:
            for entrance in way.entrances.values():
                entrance.begin("away")
            await runner.cleanup()


def _skewed(body: bytes, seconds: float) -> bytes:
    """Return a Lease as an operator writes it whose clock is off by so many seconds."""
    lease = json.loads(body)
    for name in ("acquireTime", "renewTime"):
        if lease["spec"].get(name):
            shifted = datetime.fromisoformat(lease["spec"][name]) + timedelta(seconds=seconds)
            lease["spec"][name] = shifted.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps(lease).encode()


def _status(code: int, reason: str, headers: Mapping[str, str]) -> web.Response:
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"the way says {reason}",
        "reason": reason,
        "code": code,
    }
    return web.json_response(body, status=code, headers=headers)
