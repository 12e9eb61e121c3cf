"""The webhook of a customer's own app: `/hooks/{channel}/{tenant}/{connection}`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from konstruct_channels.inbound import (
    Connection,
    Delivered,
    Forged,
    Handshake,
    Inbound,
    NotReady,
    Webhook,
)
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.errors import NoSuchHalf, NotFound, TooLarge, Unauthorised, Unavailable
from konstruct_gateway.hooks.reception import HookReception, Route
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import ConnectionSnapshot, TenantSnapshot

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class HookRoutes:
    """Reads what vendors send. `inbounds` are by folder, which is also the address's first part."""

    view: RegistryView
    reception: HookReception
    metrics: Metrics
    specs: Mapping[str, ChannelSpec]
    inbounds: Mapping[str, Inbound]
    now: Callable[[], datetime] = field(default=_now)

    @property
    def largest_body(self) -> int:
        """The most bytes that any channel's webhook may have."""
        return max(spec.limits.inbound_body_bytes for spec in self.specs.values())

    async def shared(self, _request: HTTPConnection) -> Response:
        """Refuse a platform's shared app."""
        self.view.require_loaded()
        raise NoSuchHalf("This version has no such webhook.")

    async def own(self, request: Request) -> Response:
        """Take a webhook: 200 says that all it held is durable."""
        route, spec = self._route(request)
        inbound = self.inbounds.get(spec.folder)
        if inbound is None:
            raise NoSuchHalf(
                f"The connection exists, but this version cannot receive from {spec.title}."
            )
        body = await request.body()
        if len(body) > spec.limits.inbound_body_bytes:
            raise TooLarge(f"At most {spec.limits.inbound_body_bytes} bytes are read.")
        webhook = Webhook(
            method=request.method,
            headers=_headers(request),
            body=body,
            query=dict(request.query_params),
        )
        reading = inbound.read(webhook, self._known(route.tenant, route.connection), now=self.now())
        match reading:
            case Handshake():
                return Response(reading.body, headers=_NO_STORE, media_type=reading.content_type)
            case Forged():
                self.metrics.refused.labels(f"hooks/{spec.folder}", reading.code).inc()
                raise Unauthorised("The signature is missing, wrong or too old.")
            case NotReady():
                self.metrics.refused.labels(f"hooks/{spec.folder}", reading.code).inc()
                raise Unavailable("The connection cannot tell yet whether this is genuine.")
            case Delivered():
                await self.reception.take(route, reading.items)
                return Response(status_code=200, headers=_NO_STORE)

    def _route(self, request: HTTPConnection) -> tuple[Route, ChannelSpec]:
        """Return what the address names. Raises Unloaded or NotFound."""
        names = request.path_params
        tenant = self.view.tenant(names["tenant"])
        connection = tenant.connection(names["connection"])
        spec = self.specs.get(connection.type) if connection is not None else None
        if connection is None or spec is None or spec.folder != names["channel"]:
            raise NotFound("There is no such connection.")
        return Route(tenant, connection), spec

    def _known(self, tenant: TenantSnapshot, connection: ConnectionSnapshot) -> Connection:
        try:
            credentials = self.view.credentials(tenant, connection.name)
        except SealRefused as error:
            raise Unavailable("The connection's credentials cannot be opened.") from error
        return Connection(
            config=connection.config, credentials=credentials, reply_when=connection.reply_when
        )


def _headers(request: HTTPConnection) -> dict[str, str]:
    """Return the headers by lower-case name; one that came twice fits nothing it should fit."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
