"""A model provider on the far end of a real socket: OpenAI-compatible HTTP, scripted.

It speaks HTTP/1.1 by hand, because a well-behaved server library cannot misbehave: hang, reset a
stream in its middle, answer with half a JSON document. Every request is in the ledger with the
nonce found in its text (`nonce:<word>`) and stamps of the monotonic clock, which all processes of
one host share.
"""

import asyncio
import contextlib
import hashlib
import json
import math
import re
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

_NONCE = re.compile(r"nonce:([\w-]+)")
_WORD = re.compile(r"\S+\s*")
_LARGEST_REQUEST = 8 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """A tool call of the scripted assistant. `arguments` are sent as JSON, or as they are."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str = "call_far_1"


@dataclass(frozen=True)
class Answer:
    """A well-formed answer, whole or as a stream of words."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str = ""
    usage: bool = True
    first_token_seconds: float = 0.0
    token_seconds: float = 0.0


@dataclass(frozen=True)
class Failure:
    """An HTTP error; `retry_after` becomes the header."""

    status: int
    retry_after: str = ""
    message: str = "scripted failure"
    code: str = "scripted"


@dataclass(frozen=True)
class Hang:
    """Accept the request and never answer; `headers` sends the head of a stream first."""

    headers: bool = False


@dataclass(frozen=True)
class Reset:
    """Send `words` words of a stream, then reset the connection (RST)."""

    text: str = "this answer never reaches its end"
    words: int = 2


@dataclass(frozen=True)
class Truncated:
    """End the stream politely after `words` words, without finish_reason or [DONE]."""

    text: str = "this answer never reaches its end"
    words: int = 2


@dataclass(frozen=True)
class Garbage:
    """200 with a body that is not JSON (in a stream: an event that is not JSON)."""

    body: str = '{"id": "far", "choices": [{'


@dataclass(frozen=True)
class EmptyChoices:
    """A well-formed answer without any choice."""


Behaviour = Answer | Failure | Hang | Reset | Truncated | Garbage | EmptyChoices
Rule = Callable[[dict[str, Any]], Behaviour]


@dataclass
class Entry:
    """One request as the provider saw it. Times are `time.monotonic()` seconds; 0 is never."""

    path: str
    model: str
    stream: bool
    nonce: str
    body: dict[str, Any]
    authorised: bool
    received_at: float
    first_token_at: float = 0.0
    last_token_at: float = 0.0
    finished: bool = False


def echo(body: dict[str, Any]) -> Behaviour:
    """Answer with the last thing a person said."""
    return Answer(text=f"Echo: {_last_user_text(body)}")


class FarModel:
    """The provider. `async with FarModel() as far:` then point `apiBase` to `far.url`.

    Behaviours given to `script` are used once each, in order; then `rule` decides (default: echo).
    """

    def __init__(self, *, key: str = "sk-far-end", rule: Rule = echo) -> None:
        self.key = key
        self.rule = rule
        self.ledger: list[Entry] = []
        self._script: deque[Behaviour] = deque()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Entry]:
        return [entry for entry in self.ledger if entry.path.endswith("/chat/completions")]

    def script(self, *behaviours: Behaviour) -> None:
        self._script.extend(behaviours)

    async def start(self, port: int = 0) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", port, limit=_LARGEST_REQUEST
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections += 1
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            with contextlib.suppress(ConnectionError, RuntimeError):
                writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.read(1)
        if not first:
            return False
        received_at = time.monotonic()
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        path = request_line.split(" ")[1]
        body = json.loads(raw) if raw else {}
        entry = Entry(
            path=path,
            model=str(body.get("model", "")),
            stream=bool(body.get("stream")),
            nonce=_nonce(body),
            body=body,
            authorised=headers.get("authorization") == f"Bearer {self.key}",
            received_at=received_at,
        )
        self.ledger.append(entry)
        if not entry.authorised:
            return await _send_error(writer, Failure(401, message="Incorrect API key provided"))
        if path.endswith("/embeddings"):
            return await _send_json(writer, 200, _embeddings(body))
        if path.endswith("/models"):
            return await _send_json(writer, 200, {"object": "list", "data": [{"id": "far"}]})
        behaviour = self._script.popleft() if self._script else self.rule(body)
        return await self._behave(writer, entry, behaviour)

    async def _behave(
        self, writer: asyncio.StreamWriter, entry: Entry, behaviour: Behaviour
    ) -> bool:
        match behaviour:
            case Failure():
                kept = await _send_error(writer, behaviour)
            case Garbage():
                kept = await _send_garbage(writer, behaviour, stream=entry.stream)
            case EmptyChoices():
                kept = await _send_empty(writer, entry)
            case Hang():
                if behaviour.headers:
                    await _start_stream(writer)
                await asyncio.sleep(math.inf)
                kept = False
            case Reset() | Truncated():
                kept = await _break_off(writer, entry, behaviour)
            case Answer():
                kept = await _answer(writer, entry, behaviour)
        return kept


async def _answer(writer: asyncio.StreamWriter, entry: Entry, answer: Answer) -> bool:
    if not entry.stream:
        await asyncio.sleep(answer.first_token_seconds)
        entry.first_token_at = entry.last_token_at = time.monotonic()
        entry.finished = True
        return await _send_json(writer, 200, _whole(entry, answer))
    await _start_stream(writer)
    async for event in _stream(entry, answer):
        await _send_event(writer, event)
    writer.write(_framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    await writer.drain()
    entry.finished = True
    return True


async def _break_off(
    writer: asyncio.StreamWriter, entry: Entry, behaviour: Reset | Truncated
) -> bool:
    await _start_stream(writer)
    for word in _WORD.findall(behaviour.text)[: behaviour.words]:
        await _send_event(writer, _chunk(entry, {"content": word}))
    if isinstance(behaviour, Reset):
        await asyncio.sleep(0.05)  # let what was sent arrive before the reset overtakes it
        _reset(writer)
        return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _last_user_text(body: dict[str, Any]) -> str:
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "user":
            content = message.get("content")
            return content if isinstance(content, str) else json.dumps(content)
    return ""


def _nonce(body: dict[str, Any]) -> str:
    found = _NONCE.search(_last_user_text(body))
    return found.group(1) if found else ""


def _usage(entry: Entry, text: str) -> dict[str, int]:
    prompt = max(1, len(json.dumps(entry.body.get("messages", []))) // 4)
    completion = max(1, len(text) // 4)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _tool_calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": call.arguments
                if isinstance(call.arguments, str)
                else json.dumps(call.arguments),
            },
        }
        for index, call in enumerate(answer.calls)
    ]


def _finish(answer: Answer) -> str:
    return answer.finish_reason or ("tool_calls" if answer.calls else "stop")


def _whole(entry: Entry, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.calls:
        message["tool_calls"] = _tool_calls(answer)
    document = {
        "id": "chatcmpl-far",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": entry.model,
        "choices": [{"index": 0, "message": message, "finish_reason": _finish(answer)}],
    }
    if answer.usage:
        document["usage"] = _usage(entry, answer.text)
    return document


def _chunk(entry: Entry, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-far",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": entry.model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


async def _stream(entry: Entry, answer: Answer) -> AsyncIterator[dict[str, Any]]:
    await asyncio.sleep(answer.first_token_seconds)
    entry.first_token_at = time.monotonic()
    yield _chunk(entry, {"role": "assistant", "content": ""})
    for word in _WORD.findall(answer.text):
        entry.last_token_at = time.monotonic()
        yield _chunk(entry, {"content": word})
        if answer.token_seconds:
            await asyncio.sleep(answer.token_seconds)
    if answer.calls:
        yield _chunk(entry, {"tool_calls": _tool_calls(answer)})
    entry.last_token_at = time.monotonic()
    yield _chunk(entry, {}, _finish(answer))
    if answer.usage and (entry.body.get("stream_options") or {}).get("include_usage"):
        yield _chunk(entry, {}) | {"choices": [], "usage": _usage(entry, answer.text)}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = body.get("input", [])
    texts = [texts] if isinstance(texts, str) else texts
    vectors = []
    for index, text in enumerate(texts):
        digest = hashlib.sha256(str(text).encode()).digest() * 12
        vectors.append(
            {"object": "embedding", "index": index, "embedding": [byte / 255 for byte in digest]}
        )
    tokens = sum(len(str(text)) for text in texts) // 4
    return {
        "object": "list",
        "model": body.get("model", ""),
        "data": vectors,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


async def _send_json(
    writer: asyncio.StreamWriter, status: int, document: Any, *, extra: str = ""
) -> bool:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(payload)}\r\n{extra}\r\n"
    )
    writer.write(head.encode() + payload)
    await writer.drain()
    return True


async def _send_error(writer: asyncio.StreamWriter, failure: Failure) -> bool:
    extra = f"Retry-After: {failure.retry_after}\r\n" if failure.retry_after else ""
    document = {
        "error": {"message": failure.message, "type": "scripted_error", "code": failure.code}
    }
    return await _send_json(writer, failure.status, document, extra=extra)


async def _send_garbage(writer: asyncio.StreamWriter, garbage: Garbage, *, stream: bool) -> bool:
    if not stream:
        return await _send_json(writer, 200, garbage.body.encode())
    await _start_stream(writer)
    writer.write(_framed(f"data: {garbage.body}\n\n".encode()) + b"0\r\n\r\n")
    await writer.drain()
    return True


async def _send_empty(writer: asyncio.StreamWriter, entry: Entry) -> bool:
    if not entry.stream:
        return await _send_json(writer, 200, _whole(entry, Answer()) | {"choices": []})
    await _start_stream(writer)
    await _send_event(writer, _chunk(entry, {}) | {"choices": []})
    writer.write(_framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    await writer.drain()
    return True


async def _start_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    await writer.drain()


async def _send_event(writer: asyncio.StreamWriter, document: dict[str, Any]) -> None:
    writer.write(_framed(f"data: {json.dumps(document)}\n\n".encode()))
    await writer.drain()


def _framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
