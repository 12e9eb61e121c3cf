"""Calls an ASGI app without a socket: what a server would give it, and the status it answers."""

from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Message

Headers = Sequence[tuple[bytes, bytes]]
_PIECE = 65_536


async def call(
    app: ASGIApp,
    path: str,
    body: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    method: str = "POST",
    query: bytes = b"",
) -> int:
    """Return the status that `app` answers a request with."""
    pieces = [body[start : start + _PIECE] for start in range(0, len(body), _PIECE)] or [b""]
    sent = 0
    status = 0

    async def receive() -> Message:
        nonlocal sent
        if sent >= len(pieces):
            return {"type": "http.disconnect"}
        sent += 1
        more = sent < len(pieces)
        return {"type": "http.request", "body": pieces[sent - 1], "more_body": more}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"chat.example.com"), *headers],
        "client": ("203.0.113.7", 40_000),
        "server": ("chat.example.com", 443),
    }
    await app(scope, receive, send)
    return status


def as_headers(headers: dict[str, str], **more: str) -> list[tuple[bytes, bytes]]:
    """Return headers as a server hands them over: names in lower case, bytes."""
    return [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
        for name, value in {**headers, **more}.items()
    ]
