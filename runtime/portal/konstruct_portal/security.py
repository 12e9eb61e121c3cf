"""What every answer carries: a strict policy of what a page may load, and where from."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS_SECONDS = 63_072_000
LARGEST_BODY = 1_048_576
"""Bytes: the longest instructions, percent-encoded, fit in half of it."""


def content_policy(*, socket_origin: str, form_targets: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy: our own files, one gateway, nothing inline.

    The gateway at `socket_origin` takes the chat's files as well.
    `form_targets` are origins to which the answer to a form of ours may redirect.
    """
    gateway = socket_origin.replace("ws", "http", 1)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {socket_origin} {gateway}",
            " ".join(("form-action 'self'", *form_targets)),
            "manifest-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


class SecurityHeaders:
    """Pure ASGI middleware that adds the security headers to every HTTP answer."""

    def __init__(
        self, app: ASGIApp, *, socket_origin: str, secure: bool, form_targets: Sequence[str] = ()
    ) -> None:
        self._app = app
        policy = content_policy(socket_origin=socket_origin, form_targets=form_targets)
        self._headers = tuple(_headers(policy, secure=secure))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers:
                    headers[name] = value
                if "cache-control" not in headers:
                    # Pages hold customers' data: neither a proxy nor the back button keeps them.
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Pure ASGI middleware that takes no body whose length is unknown or too large."""

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 411 or 413 without reading it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else 0
        if refusal:
            answer = PlainTextResponse("", status_code=refusal, headers={"Connection": "close"})
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> int:
        headers = Headers(scope=scope)
        if "transfer-encoding" in headers:
            return 411
        length = headers.get("content-length", "0")
        return 0 if length.isdecimal() and int(length) <= self._largest else 413


def origin_of(address: str) -> str:
    """Return the origin of an address, as policies name it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _headers(policy: str, *, secure: bool) -> Iterable[tuple[str, str]]:
    yield "Content-Security-Policy", policy
    yield "X-Content-Type-Options", "nosniff"
    yield "X-Frame-Options", "DENY"
    yield "Referrer-Policy", "same-origin"
    yield "Permissions-Policy", "camera=(), geolocation=(), microphone=()"
    yield "Cross-Origin-Opener-Policy", "same-origin"
    yield "Cross-Origin-Resource-Policy", "same-origin"
    if secure:
        yield "Strict-Transport-Security", f"max-age={HSTS_SECONDS}; includeSubDomains"
