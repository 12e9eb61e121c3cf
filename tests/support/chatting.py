"""A bare web chat socket for tests that misbehave: any first frame, any bytes, the close code."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]


class Chatting:
    """One socket, read frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ready: Frame = {}

    async def send(self, frame: Frame | str | bytes) -> None:
        raw = frame if isinstance(frame, str | bytes) else json.dumps(frame)
        with contextlib.suppress(ConnectionClosed):  # `next` and `close_code` tell
            await self.socket.send(raw)

    async def next(self, *, seconds: float = 10) -> Frame:
        """Return the next frame."""
        raw = await asyncio.wait_for(self.socket.recv(), seconds)
        frame: Frame = json.loads(raw)
        return frame

    async def until(self, kind: str, *, seconds: float = 10) -> Frame:
        """Return the next frame of a kind; what comes before it is dropped."""
        async with asyncio.timeout(seconds):
            while True:
                frame = await self.next(seconds=seconds)
                if frame["type"] == kind:
                    return frame

    async def close_code(self, *, seconds: float = 15) -> int:
        """Read until the server closes the socket; return its code."""
        async with asyncio.timeout(seconds):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006


@asynccontextmanager
async def opening(
    gateway_url: str, connection: str, *, origin: str | None = None
) -> AsyncIterator[Chatting]:
    """Open a socket and say nothing."""
    url = gateway_url.replace("http", "ws", 1) + f"/chat/{connection}/ws"
    headers = {"Origin": origin} if origin is not None else {}
    async with connect(
        url, proxy=None, max_queue=None, max_size=None, additional_headers=headers
    ) as socket:
        yield Chatting(socket)


@asynccontextmanager
async def chatting(
    gateway_url: str, connection: str, ticket: str, **auth: Any
) -> AsyncIterator[Chatting]:
    """Open a socket with a ticket and read its `ready`."""
    async with opening(gateway_url, connection) as chat:
        await chat.send({"type": "auth", "ticket": ticket, **auth})
        chat.ready = await chat.next()
        assert chat.ready["type"] == "ready", chat.ready
        yield chat


async def take_ticket(gateway_url: str, connection: str, **body: Any) -> Frame:
    """Take a visitor's ticket; return the whole answer."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{gateway_url}/chat/{connection}/ticket", json=body)
        answer.raise_for_status()
        given: Frame = answer.json()
        return given
