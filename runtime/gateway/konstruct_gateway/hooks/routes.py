"""Webhooks: of a customer's own app, and of the platform's, which many connections share.

`/hooks/{channel}/{tenant}/{connection}` and `/hooks/{channel}`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from konstruct_channels.inbound import (
    Addressed,
    Connection,
    Delivered,
    Forged,
    Handshake,
    Inbound,
    Item,
    Learnt,
    NotReady,
    SharedInbound,
    Webhook,
)
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.background.prober import Prober
from konstruct_gateway.doctor.self_tests import HEADER, SelfTests
from konstruct_gateway.edge.bodies import whole_body
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.errors import (
    Forbidden,
    NoSuchHalf,
    NotFound,
    TooLarge,
    Unauthorised,
    Unavailable,
)
from konstruct_gateway.hooks.installations import CONTESTED, Installations
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.hooks.reception import HookReception
from konstruct_gateway.hooks.secret_watch import SecretWatch
from konstruct_gateway.registry.view import RegistryView
from konstruct_messages.inbound import Ignored
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import ConnectionSnapshot, TenantSnapshot

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class HookRoutes:
    """Reads what vendors send.

    `inbounds` are by folder, which is also the address's first part; `platform` are the credentials
    of the platform's own apps, by folder too.
    """

    view: RegistryView
    reception: HookReception
    metrics: Metrics
    specs: Mapping[str, ChannelSpec]
    inbounds: Mapping[str, Inbound]
    prober: Prober
    watch: SecretWatch
    self_tests: SelfTests
    platform: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    now: Callable[[], datetime] = field(default=_now)
    _installations: dict[str, Installations] = field(default_factory=dict)

    @property
    def largest_body(self) -> int:
        """The most bytes that any channel's webhook may have."""
        return max(spec.limits.inbound_body_bytes for spec in self.specs.values())

    async def shared(self, request: Request) -> Response:
        """Take a webhook of the platform's own app: its installation says whose it is."""
        folder = request.path_params["channel"]
        spec = next((one for one in self.specs.values() if one.folder == folder), None)
        inbound, credentials = self.inbounds.get(folder), self.platform.get(folder)
        if spec is None or not isinstance(inbound, SharedInbound) or not credentials:
            # An empty secret would verify what anybody can sign.
            self.view.require_loaded()
            raise NoSuchHalf("This platform has no shared app of that channel.")
        webhook = await _webhook(request, spec)
        addressed = inbound.address(webhook, credentials, now=self.now())
        if isinstance(addressed, Delivered):
            self._nobodys(spec, addressed.items)
            return _taken()
        if not isinstance(addressed, Addressed):
            return self._answer(spec, addressed)
        for route in await self._owners(spec, inbound, addressed):
            known = Connection(
                config=route.connection.config,
                credentials=credentials,
                reply_when=route.connection.reply_when,
            )
            reading = inbound.read(webhook, known, now=self.now())
            if not isinstance(reading, Delivered):
                return self._answer(spec, reading)
            await self._take(route, reading)
        return _taken()

    async def own(self, request: Request) -> Response:
        """Take a webhook: 200 says that all it held is durable."""
        route, spec = await self.view.reach(partial(self._route, request))
        config = route.connection.config
        if any(config.get(name, value) != value for name, value in spec.webhook_with.items()):
            raise NoSuchHalf("The connection has no address of its own.")
        inbound = self.inbounds.get(spec.folder)
        if inbound is None:
            raise NoSuchHalf(
                f"The connection exists, but this version cannot receive from {spec.title}."
            )
        webhook = await _webhook(request, spec)
        known = self._known(route.tenant, route.connection)
        reading = inbound.read(webhook, known, now=self.now())
        proof = self._proof_of_self_test(route, webhook)
        if HEADER not in webhook.headers:
            # Our own delivery says nothing about the vendor's secret, even spoilt on its way.
            self.watch.see(route, known.credentials, reading)
        if not isinstance(reading, Delivered):
            return self._answer(spec, reading)
        if proof:
            self._count(spec, "self_test")
            return Response(status_code=200, headers={**_NO_STORE, HEADER: proof})
        await self._take(route, reading)
        return _taken()

    def _proof_of_self_test(self, route: Route, webhook: Webhook) -> str:
        """Return what to answer to a delivery of our own; empty for everybody else's."""
        if HEADER not in webhook.headers:
            return ""
        return self.self_tests.answer(
            webhook.headers,
            route.tenant.tenant_id,
            route.connection.name,
            webhook.body,
            now=self.now().timestamp(),
        )

    async def _take(self, route: Route, reading: Delivered) -> None:
        await self.reception.take(route, reading.items)
        for one in reading.items:
            if isinstance(one, Learnt) and one.condition == "Authenticated":
                self.prober.distrust(route.tenant.tenant_id, route.connection.name)

    async def _owners(
        self, spec: ChannelSpec, inbound: SharedInbound, addressed: Addressed
    ) -> tuple[Route, ...]:
        """Return the connections that the delivery is for. Raises Unloaded or Unavailable."""
        installations = self._installations.setdefault(
            spec.folder, Installations(self.view, self.prober, spec, inbound)
        )
        if addressed.about_itself:
            told = installations.claiming(addressed.claims)
            if not told:
                self._count(spec, "unclaimed_installation")
            return told
        claimed = installations.of(addressed.claims)
        if not claimed.asked:
            raise Unavailable("It is not known yet whose installation this is.")
        if len(claimed.proven) == 1:
            return claimed.proven
        reason = "contested_installation" if claimed.proven else "unproven_installation"
        for route in claimed.claiming:
            if claimed.proven:
                await self.reception.conditions.say(route.tenant, route.connection.name, CONTESTED)
            await self.reception.ignore(route, Ignored(reason=reason))
        if not claimed.claiming:
            self._count(spec, "unclaimed_installation")
        return ()

    def _nobodys(self, spec: ChannelSpec, items: Sequence[Item]) -> None:
        """Count what is genuine and names no installation: there is no tenant to record it for."""
        for one in items:
            if isinstance(one, Ignored):
                self._count(spec, one.reason)

    def _count(self, spec: ChannelSpec, reason: str) -> None:
        self.metrics.ignored.labels(spec.channel_type, reason).inc()

    def _answer(self, spec: ChannelSpec, reading: Handshake | Forged | NotReady) -> Response:
        match reading:
            case Handshake():
                return Response(reading.body, headers=_NO_STORE, media_type=reading.content_type)
            case Forged():
                self.metrics.refused.labels(f"hooks/{spec.folder}", reading.code).inc()
                if reading.handshake:
                    raise Forbidden("The verify token is not this connection's.")
                raise Unauthorised("The signature is missing, wrong or too old.")
            case NotReady():
                self.metrics.refused.labels(f"hooks/{spec.folder}", reading.code).inc()
                raise Unavailable("The connection cannot tell yet whether this is genuine.")

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


async def _webhook(request: Request, spec: ChannelSpec) -> Webhook:
    """Return the request as it came. Raises TooLarge."""
    body = await whole_body(request.receive)
    if len(body) > spec.limits.inbound_body_bytes:
        raise TooLarge(f"At most {spec.limits.inbound_body_bytes} bytes are read.")
    return Webhook(
        method=request.method,
        headers=_headers(request),
        body=body,
        query=dict(request.query_params) if request.scope["query_string"] else {},
    )


def _taken() -> Response:
    return Response(status_code=200, headers=_NO_STORE)


def _headers(request: HTTPConnection) -> dict[str, str]:
    """Return the headers by lower-case name; one that came twice fits nothing it should fit."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
