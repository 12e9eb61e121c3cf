"""Connections that we keep open to vendors who cannot call us: one per ChannelConnection.

Which replica keeps it is weighed by all of them alike. Whoever gives one up keeps it a little
longer, so that no moment is without one; what comes twice is known by its keys.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from konstruct_channels.inbound import (
    Connection,
    Delivered,
    EnvelopeInbound,
    Inbound,
    Learnt,
)
from konstruct_channels.listening import Listening
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.errors import Unavailable
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.hooks.reception import HookReception
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.replicas import Replicas
from konstruct_registry.errors import SealRefused

_GRACE_SECONDS = 10.0
_Key = tuple[UUID, str]


@dataclass
class _Kept:
    given: Any
    task: asyncio.Task[None]
    until: float | None = None


@dataclass
class Listeners:
    """Starts and ends them as the registry and the other replicas say."""

    view: RegistryView
    replicas: Replicas
    reception: HookReception
    specs: Mapping[str, ChannelSpec]
    inbounds: Mapping[str, Inbound]
    listenings: Mapping[str, Listening]
    clock: Callable[[], float] = time.monotonic
    _kept: dict[_Key, _Kept] = field(default_factory=dict)
    _closed: bool = False

    @property
    def count(self) -> int:
        """How many connections this replica keeps."""
        return len(self._kept)

    async def round(self) -> None:
        """Begin what is wanted here, and end what is not."""
        if not self.listenings or self._closed:
            return
        wanted = self._wanted()
        for key in [key for key, kept in self._kept.items() if kept.task.done()]:
            del self._kept[key]
        await self._end(wanted)
        for key, (route, given) in wanted.items():
            kept = self._kept.get(key)
            if kept is not None:
                kept.until = None
            else:
                self._kept[key] = _Kept(given, asyncio.create_task(self._listen(route, given[1])))

    async def close(self) -> None:
        """Close them all; what is not acknowledged by then comes to another replica."""
        self._closed = True
        kept, self._kept = list(self._kept.values()), {}
        for one in kept:
            one.task.cancel()
        await asyncio.gather(*(one.task for one in kept), return_exceptions=True)

    def _wanted(self) -> dict[_Key, tuple[Route, Any]]:
        found: dict[_Key, tuple[Route, Any]] = {}
        for tenant in self.view.tenants.values():
            for connection in tenant.connections:
                listening = self.listenings.get(connection.type)
                if listening is None or not listening.wanted(connection.config):
                    continue
                if not self.replicas.mine(str(connection.connection_id)):
                    continue
                try:
                    credentials = dict(self.view.credentials(tenant, connection.name))
                except SealRefused:
                    continue
                if credentials:
                    given = (dict(connection.config), credentials)
                    key = (tenant.tenant_id, connection.name)
                    found[key] = (Route(tenant, connection), given)
        return found

    async def _end(self, wanted: Mapping[_Key, tuple[Route, Any]]) -> None:
        """End at once what is declared otherwise now, and after a while what moved elsewhere."""
        now, ending = self.clock(), []
        for key, kept in list(self._kept.items()):
            if key in wanted:
                over = kept.given != wanted[key][1]
            else:
                kept.until = kept.until or now + _GRACE_SECONDS
                over = not self._declared(key) or kept.until <= now
            if over:
                del self._kept[key]
                kept.task.cancel()
                ending.append(kept.task)
        await asyncio.gather(*ending, return_exceptions=True)

    def _declared(self, key: _Key) -> bool:
        route = self._route(key)
        if route is None:
            return False
        return self.listenings[route.connection.type].wanted(route.connection.config)

    def _route(self, key: _Key) -> Route | None:
        tenant = self.view.tenant_by_id(key[0])
        connection = tenant.connection(key[1]) if tenant is not None else None
        if tenant is None or connection is None or connection.type not in self.listenings:
            return None
        return Route(tenant, connection)

    async def _listen(self, route: Route, credentials: Mapping[str, str]) -> None:
        key = (route.tenant.tenant_id, route.connection.name)

        async def take(envelope: Mapping[str, Any]) -> None:
            await self._take(key, envelope)

        async def say(learnt: Learnt) -> None:
            here = self._route(key)
            if here is not None:
                self.reception.conditions.note(here.tenant, here.connection.name, learnt)

        try:
            await self.listenings[route.connection.type].listen(
                config=route.connection.config, credentials=credentials, take=take, say=say
            )
        except Exception:  # noqa: BLE001 - the next round begins it anew
            structlog.get_logger(__name__).exception(
                "listening ended", tenant_id=str(key[0]), connection=key[1]
            )

    async def _take(self, key: _Key, envelope: Mapping[str, Any]) -> None:
        """Make one delivery durable; whatever is raised, the vendor delivers it again."""
        route = self._route(key)
        spec = self.specs[route.connection.type] if route is not None else None
        inbound = self.inbounds.get(spec.folder) if spec is not None else None
        if route is None or not isinstance(inbound, EnvelopeInbound):
            raise Unavailable("The connection is gone.")
        connection = route.connection
        reading = inbound.read_envelope(
            envelope, Connection(config=connection.config, reply_when=connection.reply_when)
        )
        if not isinstance(reading, Delivered):
            raise Unavailable("The connection cannot be read yet.")
        await self.reception.take(route, reading.items)
