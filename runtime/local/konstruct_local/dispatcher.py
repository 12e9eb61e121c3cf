"""One origin for several ASGI applications: the longest matching path prefix decides."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Dispatcher:
    """Hands each request to the application of its path's first segments, else to `rest`.

    A prefix matches whole segments: `/chat` takes `/chat` and `/chat/acme`, never `/chatter`.
    Paths reach the applications as they came: each knows its own addresses.
    """

    def __init__(self, prefixes: Mapping[str, ASGIApp], rest: ASGIApp) -> None:
        self._prefixes = sorted(prefixes.items(), key=lambda item: len(item[0]), reverse=True)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection: HTTP or WebSocket (lifespans are each application's factory's)."""
        application = self._rest
        if scope["type"] in {"http", "websocket"}:
            application = self._chosen(scope["path"])
        await application(scope, receive, send)

    def _chosen(self, path: str) -> ASGIApp:
        for prefix, application in self._prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                return application
        return self._rest
