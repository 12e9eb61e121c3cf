"""The far end of Socket Mode: addresses that open once, and envelopes until they are acknowledged.

`far_slack_socket(far)` serves the Web API of a FarSlack and, beside it, `apps.connections.open` and
the sockets. An envelope goes to any open connection; one that is not acknowledged in time, or whose
connection closed, goes to another. What Slack may do to a connection is `leave` (it says so first)
and `drop` (it does not).
https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from support.far_slack import FarSlack
from support.serving import served

MOST_CONNECTIONS = 10


@dataclass
class FarSocket:
    """Socket Mode of one app. `sent` counts how often each envelope went out."""

    far: FarSlack
    app_token: str = "xapp-genuine"
    app: str = "A0KONSTRUCT"
    #: What `apps.connections.open` answers instead of an address; empty: it opens one.
    refusal: str = ""
    ack_seconds: float = 2.0
    connections: list[web.WebSocketResponse] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    opened: int = 0
    most_at_once: int = 0
    base: str = ""
    _tickets: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _source: random.Random = field(default_factory=lambda: random.Random(5))
    _delivering: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, request: web.Request) -> web.Response:
        """Answer `apps.connections.open`: the token comes in a header and nowhere else."""
        self.far.calls.append(("apps.connections.open", 200))
        if request.headers.get("Authorization") != f"Bearer {self.app_token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self.refusal:
            return web.json_response({"ok": False, "error": self.refusal})
        ticket = uuid4().hex
        self._tickets.add(ticket)
        url = f"{self.base.replace('http', 'ws', 1)}/link/?ticket={ticket}"
        return web.json_response({"ok": True, "url": url})

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets or len(self.connections) >= MOST_CONNECTIONS:
            return web.Response(status=408)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        hello = {"type": "hello", "num_connections": len(self.connections) + 1}
        await socket.send_json({**hello, "connection_info": {"app_id": self.app}})
        self.connections.append(socket)
        self.most_at_once = max(self.most_at_once, len(self.connections))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.acknowledged.add(json.loads(message.data)["envelope_id"])
        finally:
            if socket in self.connections:
                self.connections.remove(socket)
        return socket

    def deliver(self, kind: str, payload: dict[str, Any]) -> str:
        """Begin to deliver an envelope; return its id."""
        name = f"envelope-{next(self._numbers)}"
        envelope = {
            "envelope_id": name,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        task = asyncio.create_task(self._deliver(name, envelope))
        self._delivering.add(task)
        task.add_done_callback(self._delivering.discard)
        return name

    async def _deliver(self, name: str, envelope: dict[str, Any]) -> None:
        while name not in self.acknowledged:
            open_ones = [one for one in self.connections if not one.closed]
            if not open_ones:
                await asyncio.sleep(0.02)
                continue
            socket = self._source.choice(open_ones)
            self.sent[name] = self.sent.get(name, 0) + 1
            retry = {"retry_attempt": self.sent[name] - 1, "retry_reason": ""}
            try:
                await socket.send_json({**envelope, **retry})
            except ConnectionError:
                continue
            await self._until_acknowledged(name, socket)

    async def _until_acknowledged(self, name: str, socket: web.WebSocketResponse) -> None:
        ends = asyncio.get_running_loop().time() + self.ack_seconds
        while name not in self.acknowledged and not socket.closed:
            if asyncio.get_running_loop().time() > ends:
                return
            await asyncio.sleep(0.01)

    async def leave(self, reason: str, *, after: float = 0.1) -> None:
        """Say on every connection that it ends, and end it a moment later."""
        for socket in list(self.connections):
            self.connections.remove(socket)
            await socket.send_json({"type": "disconnect", "reason": reason})
            task = asyncio.create_task(self._close(socket, after))
            self._delivering.add(task)
            task.add_done_callback(self._delivering.discard)

    async def _close(self, socket: web.WebSocketResponse, after: float) -> None:
        await asyncio.sleep(after)
        await socket.close()

    def drop(self) -> None:
        """End every connection without a word."""
        for socket in list(self.connections):
            self.connections.remove(socket)
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    async def end(self) -> None:
        for task in self._delivering:
            task.cancel()
        await asyncio.gather(*self._delivering, return_exceptions=True)
        for socket in list(self.connections):
            await socket.close()


@asynccontextmanager
async def far_slack_socket(socket: FarSocket) -> AsyncIterator[FarSocket]:
    """Serve Socket Mode and the Web API on a loopback port."""
    app = web.Application()
    app.router.add_post("/api/apps.connections.open", socket.open)
    app.router.add_get("/link/", socket.link)
    app.router.add_route("*", "/api/{method}", socket.far.handle)
    async with served(app) as base:
        socket.base = base
        socket.far.url = f"{base}/api/"
        try:
            yield socket
        finally:
            await socket.end()
