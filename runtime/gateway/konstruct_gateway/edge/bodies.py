"""How much of a request is read at all, and who sent it. Pure ASGI: no task per request."""

import hmac
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from konstruct_gateway.edge import answers
from konstruct_gateway.errors import GatewayError, NotFound, Unauthorised


class LimitBodies:
    """Answers 413 to a body over `largest` bytes, declared or counted.

    A path that starts with one of `larger`'s keys has that limit instead, and one that ends with
    one of `endings`' keys has that one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        largest: int,
        larger: dict[str, int] | None = None,
        endings: dict[str, int] | None = None,
    ) -> None:
        self._app = app
        self._largest = largest
        self._larger = larger or {}
        self._endings = endings or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        largest = self._limit(scope["path"])
        declared = _declared(scope)
        if not declared.isdigit() or int(declared) > largest:
            refusal = answers.error(413, "too_large", f"At most {largest} bytes are read.")
            await refusal(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > largest:
                raise HTTPException(413, f"At most {largest} bytes are read.")
            return message

        await self._app(scope, counted, send)

    def _limit(self, path: str) -> int:
        for prefix, limit in self._larger.items():
            if path.startswith(prefix):
                return limit
        for ending, limit in self._endings.items():
            if path.endswith(ending):
                return limit
        return self._largest


class RequireCallers:
    """Checks who calls, before anything of the body is read.

    `checks` are by path prefix and raise Unauthorised or Unloaded; a path below `/internal` that
    none of them covers does not exist.
    """

    def __init__(
        self, app: ASGIApp, *, checks: Mapping[str, Callable[[HTTPConnection], object]]
    ) -> None:
        self._app = app
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its caller may come here."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith("/internal"):
            try:
                self._check(path, HTTPConnection(scope))
            except GatewayError as error:
                refusal = answers.of_exception(error) or Response(status_code=error.status)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, path: str, caller: HTTPConnection) -> None:
        for prefix, check in self._checks.items():
            if path.startswith(prefix):
                check(caller)
                return
        raise NotFound("There is nothing here.")


def _declared(scope: Scope) -> bytes:
    """Return how long the request says it is; names of headers are in lower case already."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return bytes(value)
    return b"0"


async def whole_body(receive: Receive) -> bytes:
    """Return a request's body. Raises ClientDisconnect when it ends before."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def bearer(connection: HTTPConnection) -> str:
    """Return the bearer token of a request; empty when there is none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def require_token(connection: HTTPConnection, expected: str) -> None:
    """Raise Unauthorised unless the request carries exactly this token."""
    if not hmac.compare_digest(bearer(connection).encode(), expected.encode()) or not expected:
        raise Unauthorised("The bearer token is missing or wrong.")


def address(connection: HTTPConnection) -> str:
    """Return the caller's address: IPv4 whole, IPv6 by its /64, which is one site."""
    host = connection.client.host if connection.client is not None else "unknown"
    return ":".join(host.split(":")[:4]) if host.count(":") > 1 else host
