"""The busiest paths, answered without a framework's layers: matching, resolution, error nets.

A path matches whole, part by part, as `Route` would match it; everything else goes on to the app
behind. Errors are answered as everywhere (`edge/answers.py`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from konstruct_gateway.edge import answers

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class DirectRoute:
    """One path, its parts in braces being parameters, and the methods it takes."""

    path: str
    handler: Handler
    methods: frozenset[str] = frozenset({"POST"})


class Direct:
    """Serves `routes`; passes on what is none of them, methods included."""

    def __init__(self, app: ASGIApp, routes: Sequence[DirectRoute]) -> None:
        self._app = app
        self._routes: dict[tuple[str, int], list[tuple[list[str], Handler]]] = {}
        for route in routes:
            parts = route.path.split("/")
            for method in route.methods:
                self._routes.setdefault((method, len(parts)), []).append((parts, route.handler))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        handler = self._find(scope) if scope["type"] == "http" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the last net: what is unknown is logged
            response = await answers.answer(request, error)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Handler | None:
        parts = scope["path"].split("/")
        for pattern, handler in self._routes.get((scope["method"], len(parts)), ()):
            found = _parameters(pattern, parts)
            if found is not None:
                scope["path_params"] = found
                return handler
        return None


def _parameters(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for expected, part in zip(pattern, parts, strict=True):
        if expected.startswith("{"):
            if not part:
                return None
            found[expected[1:-1]] = part
        elif expected != part:
            return None
    return found
