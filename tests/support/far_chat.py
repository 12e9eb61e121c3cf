"""The far end of a chat page: a real WebSocket server that keeps a log like the gateway's.

It answers each message from a script of `answers`; a test can also say frames of its own, drop
the sockets, or refuse tickets.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from konstruct_messages.credentials import ChatCredential, CredentialUse, verify
from konstruct_messages.errors import MessagesError

Frame = dict[str, Any]


@dataclass
class FarChat:
    """One conversation's far end."""

    key: bytes
    conversation: str = field(default_factory=lambda: str(uuid4()))
    log: list[Frame] = field(default_factory=list)
    heard: list[Frame] = field(default_factory=list)
    credentials: list[ChatCredential] = field(default_factory=list)
    close_with: list[int] = field(default_factory=list)
    silent: bool = False
    deaf: bool = False
    files: Frame = field(default_factory=dict)
    sockets: set[ServerConnection] = field(default_factory=set)
    server: Server | None = None

    @property
    def origin(self) -> str:
        """The address a portal is told as its gateway's."""
        assert self.server is not None
        host, port = next(iter(self.server.sockets)).getsockname()[:2]
        return f"http://{host}:{port}"

    def said(self) -> list[str]:
        """What people said, once each, in order."""
        return [one["text"] for one in self.log if one["type"] == "said"]

    async def show(self, **frame: Any) -> None:
        """Send a frame to every socket, without keeping it."""
        for socket in tuple(self.sockets):
            with suppress(ConnectionClosed):
                await socket.send(json.dumps(frame))

    async def keep(self, **frame: Any) -> int:
        """Put a frame into the log and send it to every socket."""
        frame = {**frame, "seq": len(self.log) + 1, "at": datetime.now(UTC).isoformat()}
        self.log.append(frame)
        await self.show(**frame)
        return int(frame["seq"])

    async def answer(self, turn: str, text: str, *, pieces: int = 3) -> None:
        """Stream a reply in pieces and keep it."""
        size = max(1, len(text) // pieces)
        for offset in range(0, len(text), size):
            await self.show(
                type="delta", turn=turn, attempt=1, offset=offset, text=text[offset : offset + size]
            )
        await self.keep(type="reply", id=str(uuid4()), turn=turn, text=text, agent="Ana")

    async def drop(self, code: int = 1012) -> None:
        """Break every socket."""
        for socket in tuple(self.sockets):
            await socket.close(code)

    async def serve(self, socket: ServerConnection) -> None:
        """Speak with one page until it goes."""
        with suppress(ConnectionClosed):
            first = json.loads(await asyncio.wait_for(socket.recv(), 10))
            if self.close_with:
                await socket.close(self.close_with.pop(0))
                return
            if not self._let_in(first):
                await socket.close(4401)
                return
            after = first.get("after") or 0
            if first.get("conversation") != self.conversation:
                after = 0
            ready = {"type": "ready", "conversation": self.conversation, "agent": "Ana"}
            await socket.send(json.dumps(ready | ({"files": self.files} if self.files else {})))
            for frame in self.log[after:]:
                await socket.send(json.dumps(frame))
            self.sockets.add(socket)
            try:
                async for raw in socket:
                    await self._hear(socket, json.loads(raw))
            finally:
                self.sockets.discard(socket)

    def _let_in(self, first: Frame) -> bool:
        try:
            credential = verify(
                first.get("ticket", ""), self.key, use=CredentialUse.TICKET, now=datetime.now(UTC)
            )
        except MessagesError:
            return False
        self.credentials.append(credential)
        self.heard.append(first)
        return bool(first["type"] == "auth")

    async def _hear(self, socket: ServerConnection, frame: Frame) -> None:
        if self.deaf:
            return
        self.heard.append(frame)
        if frame["type"] == "choose":
            chosen = {"ask": frame["ask"], "choice": frame["choice"]}
            await self.keep(type="said", id="choice", text=f"The {frame['choice']} one", **chosen)
        if frame["type"] != "message":
            return
        kept = next((one for one in self.log if one.get("id") == frame["id"]), None)
        if kept is None:
            kept = {
                "type": "said",
                "id": frame["id"],
                "text": frame["text"],
                "at": datetime.now(UTC).isoformat(),
                "seq": len(self.log) + 1,
            }
            self.log.append(kept)
        accepted = {"type": "accepted", "id": frame["id"], "seq": kept["seq"]}
        await socket.send(json.dumps(accepted))
        if not self.silent:
            turn = str(uuid4())
            await self.show(type="typing")
            await self.show(type="step", turn=turn, text="Looking at the clock")
            await self.answer(turn, f"You said **{frame['text']}**.")


@asynccontextmanager
async def far_chat(key: bytes) -> AsyncIterator[FarChat]:
    """Serve one conversation on a free loopback port."""
    far = FarChat(key=key)
    async with serve(far.serve, "127.0.0.1", 0) as server:
        far.server = server
        yield far
