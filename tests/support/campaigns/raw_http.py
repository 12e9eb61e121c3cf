"""Requests as bytes on a socket: what a client can do that no client library lets one do."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from support.campaigns.mutants import Request, Target, mutant

_SECONDS = 20.0
_LARGEST_OVER_SOCKET = 256 * 1024


@dataclass(frozen=True)
class Wire:
    """A request and the bytes that it is sent as."""

    request: Request
    raw: bytes
    ends: bool = False
    """Whether the client closes its side after the last byte."""


def tricks(target: Target, chance: random.Random) -> Iterator[Wire]:
    """Yield a mutant and a genuine webhook, each sent in an unusual way."""
    forged = mutant(target, chance)
    while len(forged.body) > _LARGEST_OVER_SOCKET:
        forged = mutant(target, chance)
    forged = _writable(forged)
    way = chance.choice((_plain, _odd_case, _chunked, _slow_chunks))
    yield Wire(replace(forged, kind=f"socket: {forged.kind}"), way(forged, chance))
    genuine = target.genuine(chance)
    yield Wire(replace(genuine, kind="genuine over a socket"), way(genuine, chance))
    name, trick = chance.choice(_SMUGGLES)
    yield Wire(replace(forged, kind=f"socket: {name}"), trick(forged, genuine, chance), ends=True)


async def send_raw(port: int, wire: Wire) -> int:
    """Send it and return the status of the first answer; 0 when the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(_SECONDS):
            with contextlib.suppress(ConnectionError):
                writer.write(wire.raw)
                await writer.drain()
                if wire.ends:
                    writer.write_eof()
            line = await reader.readline()
        parts = line.split()
        return int(parts[1]) if len(parts) > 1 else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def _writable(request: Request) -> Request:
    """Leave out headers that would end the head early."""
    safe = [
        (name, value)
        for name, value in request.headers
        if not any(byte in b"\r\n\x00" for byte in name + value)
    ]
    return replace(request, headers=safe)


def _head(request: Request, *framing: bytes, cased: random.Random | None = None) -> bytes:
    target = request.path.encode() + (b"?" + request.query if request.query else b"")
    lines = [request.method.encode() + b" " + target + b" HTTP/1.1", b"Host: chat.example.com"]
    for name, value in request.headers:
        shown = name if cased is None else _cased(name, cased)
        lines.append(shown + b": " + value)
    return b"\r\n".join([*lines, *framing, b"Connection: close", b"", b""])


def _cased(name: bytes, chance: random.Random) -> bytes:
    return bytes(chance.choice((letter, ord(chr(letter).upper()))) for letter in name)


def _plain(request: Request, _chance: random.Random) -> bytes:
    return _head(request, b"Content-Length: %d" % len(request.body)) + request.body


def _odd_case(request: Request, chance: random.Random) -> bytes:
    length = b"cOnTeNt-LeNgTh: %d" % len(request.body)
    return _head(request, length, cased=chance) + request.body


def _chunked(request: Request, chance: random.Random) -> bytes:
    return _head(request, b"Transfer-Encoding: chunked") + _chunks(request.body, chance, 400)


def _slow_chunks(request: Request, chance: random.Random) -> bytes:
    return _head(request, b"transfer-encoding: chunked") + _chunks(request.body, chance, 3)


def _chunks(body: bytes, chance: random.Random, longest: int) -> bytes:
    found, at = b"", 0
    while at < len(body):
        piece = body[at : at + chance.randint(1, longest)]
        at += len(piece)
        extension = chance.choice((b"", b";a=b", b";x"))
        found += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
    return found + b"0\r\n\r\n"


def _two_lengths(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    lengths = (b"Content-Length: %d" % len(forged.body), b"Content-Length: 0")
    return _head(forged, *lengths) + forged.body


def _length_and_chunks(forged: Request, genuine: Request, chance: random.Random) -> bytes:
    framing = (b"Content-Length: %d" % len(genuine.body), b"Transfer-Encoding: chunked")
    return _head(forged, *framing) + _chunks(forged.body, chance, 50)


def _chunk_too_short(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    return _head(forged, b"Transfer-Encoding: chunked") + b"ffffff\r\n" + forged.body


def _no_chunk_length(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    return _head(forged, b"Transfer-Encoding: chunked") + b"zz\r\n" + forged.body + b"\r\n0\r\n\r\n"


def _body_too_short(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    return _head(forged, b"Content-Length: %d" % (len(forged.body) + 100)) + forged.body


def _negative_length(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    return _head(forged, b"Content-Length: -1") + forged.body


def _enormous_length(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    return _head(forged, b"Content-Length: 99999999999") + forged.body


def _folded_header(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    length = b"Content-Length: %d" % len(forged.body)
    return _head(forged, b"X-Folded: a\r\n b", length) + forged.body


def _not_http(forged: Request, _genuine: Request, chance: random.Random) -> bytes:
    return chance.randbytes(200) + b"\r\n\r\n" + forged.body


def _long_header(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    length = b"Content-Length: %d" % len(forged.body)
    return _head(forged, b"X-Long: " + b"a" * 200_000, length) + forged.body


def _packed(forged: Request, _genuine: Request, _chance: random.Random) -> bytes:
    length = b"Content-Length: %d" % len(forged.body)
    return _head(forged, b"Content-Encoding: gzip", length) + forged.body


_SMUGGLES = (
    ("two lengths", _two_lengths),
    ("length and chunks", _length_and_chunks),
    ("chunk too short", _chunk_too_short),
    ("no chunk length", _no_chunk_length),
    ("body too short", _body_too_short),
    ("negative length", _negative_length),
    ("enormous length", _enormous_length),
    ("folded header", _folded_header),
    ("not HTTP", _not_http),
    ("long header", _long_header),
    ("packed", _packed),
)
