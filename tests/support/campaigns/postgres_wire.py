"""Speaks Postgres' protocol itself: many statements at once, and every byte that came back.

A driver hides what a campaign must see: notices, all fields of an error, the rows before one.
https://www.postgresql.org/docs/current/protocol-flow.html
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

_VERSION = 196_608
_READ = 1 << 18
_SASL, _SASL_CONTINUE, _SASL_FINAL = 10, 11, 12
_HEADER = struct.Struct("!cI")


@dataclass
class Answer:
    """What came back for one query: its bytes, and what of them a judge asks for."""

    raw: bytes = b""
    rows: list[bytes] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    code: str = ""
    """The SQLSTATE of its error; empty for none."""
    message: str = ""


@dataclass(frozen=True)
class Query:
    """A simple query, and what a COPY in it is given."""

    sql: str
    copied: bytes = b""

    def encoded(self) -> bytes:
        """Return its messages."""
        text = self.sql.encode() + b"\0"
        sent = b"Q" + struct.pack("!I", len(text) + 4) + text
        if self.copied:
            sent += b"d" + struct.pack("!I", len(self.copied) + 4) + self.copied
            sent += b"c" + struct.pack("!I", 4)
        return sent


class Wire:
    """One connection; `ask` sends queries together and returns their answers in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Log in with SCRAM at a URL. Raises ConnectionError when it is refused."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        wire = cls(reader, writer)
        settings = {"user": parts.username, "database": parts.path[1:], "client_encoding": "UTF8"}
        start = b"".join(f"{name}\0{value}\0".encode() for name, value in settings.items()) + b"\0"
        writer.write(struct.pack("!II", len(start) + 8, _VERSION) + start)
        await wire._log_in(parts.password or "")
        return wire

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, queries: Sequence[Query]) -> list[Answer]:
        """Send all, then read all. Raises ConnectionError when the server ends the connection."""
        self._writer.write(b"".join(query.encoded() for query in queries))
        await self._writer.drain()
        answers: list[Answer] = []
        answer, whole = Answer(), bytearray()
        while len(answers) < len(queries):
            kind, body = await self._message()
            whole += kind + body + b"\n"  # what ends one message is not what begins the next
            if kind == b"Z":
                answer.raw = bytes(whole)
                answers.append(answer)
                answer, whole = Answer(), bytearray()
            elif kind in {b"D", b"d"}:
                answer.rows.append(body)
            elif kind == b"C":
                answer.tags.append(body[:-1].decode())
            elif kind == b"E":
                fields = _fields(body)
                answer.code, answer.message = fields.get("C", ""), fields.get("M", "")
        return answers

    async def _message(self) -> tuple[bytes, bytes]:
        await self._fill(5)
        kind, length = _HEADER.unpack_from(self._buffer)
        await self._fill(length + 1)
        body = bytes(self._buffer[5 : length + 1])
        del self._buffer[: length + 1]
        return kind, body

    async def _fill(self, needed: int) -> None:
        while len(self._buffer) < needed:
            piece = await self._reader.read(_READ)
            if not piece:
                raise ConnectionError("The server ended the connection.")
            self._buffer += piece

    async def _log_in(self, password: str) -> None:
        scram = _Scram(password)
        while True:
            kind, body = await self._message()
            if kind == b"Z":
                return
            if kind == b"E":
                raise ConnectionError(_fields(body).get("M", "refused"))
            if kind != b"R":
                continue
            step = int.from_bytes(body[:4], "big")
            if step == _SASL:
                first = scram.first()
                self._send(b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
            elif step == _SASL_CONTINUE:
                self._send(scram.final(body[4:]))
            elif step not in {0, _SASL_FINAL}:
                raise ConnectionError(f"unknown authentication {step}")

    def _send(self, body: bytes) -> None:
        self._writer.write(b"p" + struct.pack("!I", len(body) + 4) + body)


class _Scram:
    """RFC 5802 without channel binding; whether the server is genuine is not of interest here."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._bare = f"n=,r={secrets.token_urlsafe(18)}"

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._password, base64.b64decode(parts["s"]), int(parts["i"])
        )
        key = hmac.digest(salted, b"Client Key", "sha256")
        ending = f"c=biws,r={parts['r']}"
        signed = f"{self._bare},{challenge.decode()},{ending}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{ending},p={base64.b64encode(proof).decode()}".encode()


def _fields(body: bytes) -> dict[str, str]:
    parts = body.rstrip(b"\0").split(b"\0")
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in parts if part}
