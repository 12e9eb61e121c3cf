"""A proxy before Postgres that knows when something is about to be committed, and when it was.

It reads the protocol of https://www.postgresql.org/docs/current/protocol.html as far as it must: a
boundary is whatever ends a transaction, be it COMMIT or a statement of its own.
"""

import asyncio
import contextlib
import re
import struct
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from konstruct_store.statements import names, statement
from support.campaigns.socket_proxy import ENDS, SocketProxy
from support.campaigns.trap import AFTER, BEFORE, Sprung, Trap

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_COMMIT = re.compile(r"^\s*(COMMIT|END)\b", re.IGNORECASE)
_BEGIN = re.compile(r"^\s*(BEGIN|START)\b", re.IGNORECASE)
_LONGEST_NAME = 60


def known_statements() -> dict[str, str]:
    """Return the name of each of the product's statements by its text."""
    return {statement(name).strip(): name for name in names()}


@dataclass
class _Session:
    """What one connection is doing."""

    state: str = "I"
    prepared: dict[str, str] = field(default_factory=dict)
    portals: dict[str, str] = field(default_factory=dict)
    unit: list[str] = field(default_factory=list)
    transaction: list[str] = field(default_factory=list)
    waiting: deque[str] = field(default_factory=deque)
    """The labels of boundaries that the server has not answered yet; '' for what is none."""


class PostgresProxy(SocketProxy):
    """Between one program and Postgres; the program is given `url_of` its own URL."""

    def __init__(self, trap: Trap, hop: str, port: int) -> None:
        super().__init__(trap, hop, port)
        self._names = known_statements()

    def url_of(self, url: str) -> str:
        """Return a database URL that leads through here."""
        parts = urlsplit(url)
        place = f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"
        return urlunsplit(parts._replace(netloc=place))

    async def pumps(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> tuple[Coroutine[Any, Any, None], Coroutine[Any, Any, None]]:
        """Return what passes units there and their answers back."""
        await _introduce(reader, writer, far_reader, far_writer)
        session = _Session()
        asked = self._asked(session, reader, far_writer)
        return asked, self._answered(session, far_reader, writer)

    async def _asked(
        self, session: _Session, reader: asyncio.StreamReader, far: asyncio.StreamWriter
    ) -> None:
        """Pass on what the program asks, one unit (up to Sync or a simple query) at a time."""
        held = b""
        with contextlib.suppress(*ENDS, Sprung):
            while True:
                kind, body, raw = await _message(reader)
                held += raw
                self._note(session, kind, body)
                if kind in {b"Q", b"S"}:
                    label = self._boundary(session)
                    session.unit = []
                    if label:
                        await self._trap.passes(self._hop, label, BEFORE)
                    session.waiting.append(label)
                elif kind not in {b"H", b"p", b"X"}:
                    continue
                far.write(held)
                held = b""
                await far.drain()

    def _note(self, session: _Session, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            session.unit += [one for one in body[:-1].decode().split(";") if one.strip()]
        elif kind == b"P":
            name, text = body.split(b"\0", 2)[:2]
            session.prepared[name.decode()] = text.decode()
        elif kind == b"B":
            portal, name = body.split(b"\0", 2)[:2]
            session.portals[portal.decode()] = session.prepared.get(name.decode(), "?")
        elif kind == b"E":
            session.unit.append(session.portals.get(body.split(b"\0", 1)[0].decode(), "?"))

    def _boundary(self, session: _Session) -> str:
        """Return the label of what this unit ends; empty when it ends no transaction."""
        unit = session.unit
        if not unit:
            return ""
        session.transaction += unit
        opened = session.state != "I" or any(_BEGIN.match(one) for one in unit)
        if opened and not any(_COMMIT.match(one) for one in unit):
            return ""
        whole, session.transaction = session.transaction, []
        found = [self._names[text] for one in whole if (text := one.strip()) in self._names]
        plain = "; ".join(" ".join(one.split()) for one in unit)
        return " + ".join(dict.fromkeys(found)) or plain[:_LONGEST_NAME]

    async def _answered(
        self, session: _Session, far: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass answers on; of a boundary only when it is whole."""
        held = b""
        with contextlib.suppress(*ENDS, Sprung):
            while True:
                kind, body, raw = await _message(far)
                held += raw
                if kind == b"Z":
                    session.state = body[:1].decode()
                    if session.state == "I":
                        session.transaction = []
                    label = session.waiting.popleft() if session.waiting else ""
                    if label:
                        await self._trap.passes(self._hop, label, AFTER)
                elif any(session.waiting):
                    continue
                writer.write(held)
                held = b""
                await writer.drain()


async def _introduce(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    """Pass on what has no kind yet: the questions about encryption, and the start-up message."""
    while True:
        head = await reader.readexactly(4)
        rest = await reader.readexactly(struct.unpack("!I", head)[0] - 4)
        far_writer.write(head + rest)
        await far_writer.drain()
        if struct.unpack("!I", rest[:4])[0] not in {_SSL_REQUEST, _GSS_REQUEST}:
            return
        writer.write(await far_reader.readexactly(1))
        await writer.drain()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    head = await reader.readexactly(5)
    body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
    return head[:1], body, head + body
