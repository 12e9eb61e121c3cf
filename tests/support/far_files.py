"""A vendor's file server on a real socket, which can be honest or not, and who asks it where."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from konstruct_channels.errors import SendLater, SendRefused
from konstruct_channels.fetching import Located
from konstruct_channels.outbound import Outgoing

TOKEN = "xoxb-the-token"


@dataclass
class Page:
    """What the server answers under one path. `drip` sends it byte by byte, never ending."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hang: bool = False


@dataclass
class FarFiles:
    """The server. `asked` are the paths that were asked with the token, `strangers` without."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            known = f"authorization: bearer {TOKEN}" in head.lower()
            (self.asked if known else self.strangers).append(path)
            page = self.pages.get(path, Page(status=404))
            length = len(page.body) if page.length is None else page.length
            headers = {"Content-Length": str(length), "Connection": "close", **page.headers}
            lines = [f"HTTP/1.1 {page.status} X", *(f"{k}: {v}" for k, v in headers.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode() + page.body)
            await writer.drain()
            if page.hang:
                await reader.read()
        writer.close()


@asynccontextmanager
async def far_files() -> AsyncIterator[FarFiles]:
    """Serve files on a loopback port."""
    listener = socket.create_server(("127.0.0.1", 0))
    far = FarFiles(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = await asyncio.start_server(far.serve, sock=listener)
    try:
        yield far
    finally:
        server.close()


@dataclass
class FarFetching:
    """An outbound half whose files lie at `far`, unless `elsewhere` says otherwise by key."""

    far: FarFiles
    elsewhere: dict[str, str] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    located: list[str] = field(default_factory=list)

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        return "sent"

    async def locate(
        self, key: str, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Located:
        self.located.append(key)
        if self.failures:
            raise self.failures.pop(0)
        values: dict[str, Any] = {
            "url": self.elsewhere.get(key, f"{self.far.url}/{key}"),
            "hosts": ("files.slack.com", "*.slack.com"),
            "origin": self.far.url,
            "headers": {"Authorization": f"Bearer {TOKEN}"},
        }
        return Located(**(values | self.said))


LATER = SendLater("busy", after_seconds=0.0)
GONE = SendRefused("file_not_found")
