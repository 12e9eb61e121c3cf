"""A person in web chat: takes a ticket, opens the socket, writes, reads frames."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]


class Visitor:
    """One socket of one person. `frames` are all frames so far with their arrival (monotonic)."""

    def __init__(self, socket: ClientConnection, conversation: str, resume: str) -> None:
        self.conversation = conversation
        self.resume = resume
        self.ready: Frame = {}
        self.frames: list[tuple[float, Frame]] = []
        self._by_kind: dict[str, list[tuple[float, Frame]]] = {}
        self._socket = socket
        self._grown = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def say(self, text: str, message_id: str = "") -> str:
        """Send a message and return its id, without waiting for anything."""
        name = message_id or str(uuid.uuid4())
        await self.send({"type": "message", "id": name, "text": text})
        return name

    async def send(self, frame: Frame) -> None:
        """Send any frame."""
        await self._socket.send(json.dumps(frame))

    async def ask(self, text: str, *, seconds: float = 30.0) -> Frame:
        """Send a message and return the next reply."""
        before = self.count("reply")
        await self.say(text)
        return (await self.wait_for("reply", before + 1, seconds=seconds))[1]

    async def wait_for(
        self, kind: str, count: int = 1, *, seconds: float = 30.0
    ) -> tuple[float, Frame]:
        """Return the `count`-th frame of a kind and when it came; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds), self._grown:
            await self._grown.wait_for(lambda: self.count(kind) >= count or self._reader.done())
        found = self._by_kind.get(kind, [])
        if len(found) < count:
            raise ConnectionError(f"the socket closed before {kind} number {count}")
        return found[count - 1]

    def count(self, kind: str) -> int:
        """Return how many frames of a kind have come."""
        return len(self._by_kind.get(kind, ()))

    def of_kind(self, kind: str) -> list[Frame]:
        """Return all frames of a kind, in the order they came."""
        return [frame for _, frame in self._by_kind.get(kind, ())]

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
            await self._reader

    async def _read(self) -> None:
        try:
            async for raw in self._socket:
                at = time.monotonic()
                async with self._grown:
                    frame = json.loads(raw)
                    self.frames.append((at, frame))
                    self._by_kind.setdefault(frame["type"], []).append((at, frame))
                    self._grown.notify_all()
        finally:
            async with self._grown:
                self._grown.notify_all()


@asynccontextmanager
async def visiting(
    gateway_url: str,
    connection: str,
    *,
    resume: str = "",
    language: str = "",
    conversation: str = "",
    after: int | None = None,
) -> AsyncIterator[Visitor]:
    """Open web chat as a visitor of `TENANT/CONNECTION` and close it at the end."""
    async with httpx.AsyncClient(trust_env=False) as client:
        body = {"resume": resume} if resume else {}
        if language:
            body["language"] = language
        answer = await client.post(f"{gateway_url}/chat/{connection}/ticket", json=body)
        answer.raise_for_status()
    given = answer.json()
    auth: Frame = {"type": "auth", "ticket": given["ticket"]}
    if conversation:
        auth["conversation"] = conversation
    if after is not None:
        auth["after"] = after
    url = gateway_url.replace("http", "ws", 1) + f"/chat/{connection}/ws"
    async with connect(url, proxy=None, max_queue=None) as socket:
        await socket.send(json.dumps(auth))
        ready = json.loads(await asyncio.wait_for(socket.recv(), 10))
        assert ready["type"] == "ready", ready
        visitor = Visitor(socket, ready["conversation"], given.get("resume", ""))
        visitor.ready = ready
        try:
            yield visitor
        finally:
            await visitor.close()


@asynccontextmanager
async def arriving(
    gateway_url: str, connection: str, *, seconds: float = 10.0
) -> AsyncIterator[Visitor]:
    """Visit a connection that is new: each replica of the gateway learns of it within a moment."""
    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(seconds) as patience:
        while True:
            try:
                visitor = await stack.enter_async_context(visiting(gateway_url, connection))
                break
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
                await asyncio.sleep(0.1)
        patience.reschedule(None)
        yield visitor
