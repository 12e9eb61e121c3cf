"""Finds out about connections: what the vendor says, what comes in, and what went through."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from konstruct_channels import checks
from konstruct_channels.checks import SECRET, Check, Examining, Finding
from konstruct_channels.inbound import Inbound
from konstruct_channels.marking import mark as _
from konstruct_channels.outbound import Checked, Outbound
from konstruct_channels.spec import ChannelSpec, Credentials, Transport
from konstruct_gateway.doctor import evidence
from konstruct_gateway.doctor.front_door import FrontDoor
from konstruct_gateway.doctor.round_trip import RoundTrip
from konstruct_gateway.hooks.conditions import Conditions
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.errors import SealRefused
from konstruct_store.store import Store

_AT_A_TIME = 8
_VENDOR_SECONDS = 30.0
_FRESH_SECONDS = 60.0
_SETTLING_SECONDS = 5.0
_Key = tuple[UUID, str]


@dataclass(frozen=True)
class Examined:
    """What was found about one connection, in the order of its checks; some may not apply."""

    tenant: str
    connection: str
    channel: str
    at: datetime
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]


@dataclass
class Doctor:
    """Examines connections when they change, every `every_seconds` (0: never), and when asked.

    `mine` tells which connections this replica looks after.
    """

    store: Store
    view: RegistryView
    specs: Mapping[str, ChannelSpec]
    inbounds: Mapping[str, Inbound]
    outbounds: Mapping[str, Outbound]
    conditions: Conditions
    round_trip: RoundTrip
    front_door: FrontDoor
    every_seconds: float
    mine: Callable[[str], bool]
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    _latest: dict[_Key, tuple[float, Any, Examined]] = field(default_factory=dict)
    _due: dict[_Key, float] = field(default_factory=dict)
    _given: dict[_Key, Any] = field(default_factory=dict)
    _version: int = -1

    async def round(self) -> None:
        """Examine what is due here."""
        if not self.every_seconds:
            return
        now = self.clock()
        if self.view.version != self._version:
            self._version = self.view.version
            self._plan(now)
        for key in [key for key, found in self._latest.items() if not self._fresh(found)]:
            del self._latest[key]
        due = iter([key for key, at in self._due.items() if at <= now])
        await asyncio.gather(*(self._look_after_each(due) for _ in range(_AT_A_TIME)))

    async def close(self) -> None:
        """Close the way to ourselves."""
        await self.round_trip.client.aclose()

    def doubt(self, tenant_id: UUID, connection: str) -> None:
        """Look at a connection soon: something about it has just changed."""
        if self.every_seconds:
            self._due[tenant_id, connection] = self.clock()

    async def examine(self, route: Route) -> Examined:
        """Look at everything now, and say it as a condition. Raises RetryLater."""
        key = (route.tenant.tenant_id, route.connection.name)
        given = _given(route)
        spec = self.specs[route.connection.type]
        declared, findings = await self._find_out(route, spec)
        order = {one.name: number for number, one in enumerate(declared)}
        known = sorted(
            (one for one in findings if one.check in order), key=lambda one: order[one.check]
        )
        examined = Examined(
            tenant=route.tenant.name,
            connection=route.connection.name,
            channel=route.connection.type,
            at=datetime.now(UTC),
            checks=declared,
            findings=tuple(known),
        )
        self._latest[key] = (self.clock(), given, examined)
        await self.conditions.say(
            route.tenant, route.connection.name, checks.passed(declared, known)
        )
        return examined

    async def latest(self, route: Route) -> Examined:
        """Return what was found within the last minute, or find out. Raises RetryLater."""
        found = self._latest.get((route.tenant.tenant_id, route.connection.name))
        if found is not None and found[1] == _given(route) and self._fresh(found):
            return found[2]
        return await self.examine(route)

    async def try_out(
        self, spec: ChannelSpec, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> tuple[tuple[Check, ...], tuple[Finding, ...]]:
        """Ask the vendor about a connection that is not declared yet."""
        declared = checks.own_checks(spec) or checks.checks_of(
            spec, secret=False, vendor=True, webhook=False, own_address=False
        )
        asked = await self._ask(spec, config, credentials, webhook_url="")
        return declared, (*checks.judge(spec, config), *asked)

    def route_of(self, tenant: str, connection: str) -> Route | None:
        """Return a declared connection; None where there is none. Raises Unloaded, NotFound."""
        here = self.view.tenant(tenant)
        found = here.connection(connection)
        if found is None or found.type not in self.specs:
            return None
        return Route(here, found)

    def routes(self, tenant: str = "") -> list[Route]:
        """Return all connections, or those of one tenant. Raises Unloaded, NotFound."""
        self.view.require_loaded()
        tenants = [self.view.tenant(tenant)] if tenant else self.view.tenants.values()
        return [
            Route(one, connection)
            for one in sorted(tenants, key=lambda found: found.name)
            for connection in one.connections
            if connection.type in self.specs
        ]

    def _plan(self, now: float) -> None:
        """Put what is new or declared otherwise at the front, and forget what is gone."""
        routes = {(one.tenant.tenant_id, one.connection.name): one for one in self._declared()}
        for known in (self._due, self._given, self._latest):
            for key in [key for key in known if key not in routes]:
                del known[key]
        for key, route in routes.items():
            given = (_given(route), self.view.version_in_use(route.tenant, route.connection.name))
            if self._given.get(key) != given:
                self._given[key] = given
                self._due[key] = now + min(_SETTLING_SECONDS, self.every_seconds)

    def _declared(self) -> list[Route]:
        return [
            Route(tenant, connection)
            for tenant in self.view.tenants.values()
            for connection in tenant.connections
            if connection.type in self.specs
        ]

    def _fresh(self, found: tuple[float, Any, Examined]) -> bool:
        return self.clock() - found[0] < _FRESH_SECONDS

    async def _look_after_each(self, due: Iterator[_Key]) -> None:
        """Take from `due` until nothing is left; several do so side by side."""
        for key in due:
            await self._look_after(key)

    async def _look_after(self, key: _Key) -> None:
        tenant = self.view.tenant_by_id(key[0])
        connection = tenant.connection(key[1]) if tenant is not None else None
        self._due[key] = self.clock() + self.every_seconds * (0.75 + 0.25 * self.chance())
        if tenant is None or connection is None or connection.type not in self.specs:
            return
        if not self.mine(str(connection.connection_id)):
            return
        await self.examine(Route(tenant, connection))

    async def _find_out(
        self, route: Route, spec: ChannelSpec
    ) -> tuple[tuple[Check, ...], list[Finding]]:
        config = route.connection.config
        inbound, outbound = self.inbounds.get(spec.folder), self.outbounds.get(spec.channel_type)
        own_address = inbound is not None and all(
            config.get(name, value) == value for name, value in spec.webhook_with.items()
        )
        declared = checks.checks_of(
            spec,
            secret=spec.credentials is Credentials.REQUIRED,
            vendor=isinstance(outbound, Checked),
            webhook=inbound is not None,
            own_address=own_address,
        )
        findings = checks.judge(spec, config)
        credentials: Mapping[str, str] = {}
        if spec.credentials is Credentials.REQUIRED:
            secret, credentials = self._secret(route)
            findings.append(secret)
        url = self.round_trip.address_of(route, spec) if own_address else ""
        if credentials or spec.credentials is not Credentials.REQUIRED:
            findings += await self._ask(spec, config, credentials, webhook_url=url)
        if spec.transport is Transport.SOCKET:
            findings += await self.front_door.take(route)
        if own_address:
            findings.append(self.round_trip.address())
        if own_address and inbound is not None and credentials:
            findings.append(await self.round_trip.take(route, spec, inbound, credentials))
        if inbound is not None:
            version = self.view.version_in_use(route.tenant, route.connection.name)
            said = await evidence.last_said(self.store, route, "Receiving")
            findings.append(evidence.of_deliveries(said, version, spec.title))
        findings += await evidence.went_through(self.store, route, sends=spec.sends)
        return declared, findings

    async def _ask(
        self,
        spec: ChannelSpec,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
        *,
        webhook_url: str,
    ) -> list[Finding]:
        """Let the channel's outbound half find out; a bug or a hang of it is one unknown more."""
        outbound = self.outbounds.get(spec.channel_type)
        try:
            async with asyncio.timeout(_VENDOR_SECONDS):
                if isinstance(outbound, Examining):
                    found = await outbound.examine(
                        config=config, credentials=credentials, webhook_url=webhook_url
                    )
                    return list(found)
                if isinstance(outbound, Checked):
                    learnt = await outbound.check(config=config, credentials=credentials)
                    return [checks.of_credentials(learnt)]
        except Exception as error:  # noqa: BLE001 - what one channel does must not end the round
            structlog.get_logger(__name__).warning(
                "examination failed", channel=spec.channel_type, error=type(error).__name__
            )
            names = [one.name for one in checks.own_checks(spec)] or [checks.VENDOR]
            return [
                checks.unknown(
                    name,
                    _("{vendor} could not be asked ({reason})."),
                    vendor=spec.title,
                    reason=type(error).__name__,
                )
                for name in names
            ]
        return []

    def _secret(self, route: Route) -> tuple[Finding, Mapping[str, str]]:
        tenant, name = route.tenant, route.connection.name
        try:
            credentials = self.view.credentials(tenant, name)
        except SealRefused:
            return evidence.sealed_to_another_key(), {}
        if not credentials:
            return evidence.no_secret(), {}
        waiting, used = self.view.unverified(tenant, name), self.view.version_in_use(tenant, name)
        if waiting is not None and waiting.sealed.version != used:
            return evidence.former_secret(used), credentials
        return checks.ok(SECRET, _("The Secret is there and can be opened.")), credentials


def _given(route: Route) -> tuple[Any, ...]:
    return (route.connection.type, dict(route.connection.config), route.tenant.name)
