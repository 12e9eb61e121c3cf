"""What the portal counts, and the internal page that tells it."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """The metrics of one portal. Labels are names of routes: never a tenant, never a person."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "konstruct_portal_requests",
            "Requests answered, by the page's name and the status",
            ["page", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "konstruct_portal_request_seconds",
            "From the request read to the answer written, by the page's name",
            ["page"],
            buckets=_BUCKETS,
            registry=self.registry,
        )


class Measured:
    """Pure ASGI middleware that counts every HTTP answer."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.monotonic()

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            page = getattr(scope.get("route"), "name", "") or "other"
            self._metrics.requests.labels(page, str(status)).inc()
            self._metrics.seconds.labels(page).observe(time.monotonic() - started)


def internal_app(metrics: Metrics) -> ASGIApp:
    """Return the application of the internal port: GET /metrics, and nothing of anybody's."""

    async def tell(_request: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", tell, name="metrics")])
