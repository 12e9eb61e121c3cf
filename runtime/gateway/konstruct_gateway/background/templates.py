"""Templates of connections, listed ever again: vendors approve, pause and disable them by day."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct_channels.errors import ChannelError
from konstruct_channels.outbound import Outbound
from konstruct_channels.templates import Templated
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import ConnectionSnapshot, TenantSnapshot
from konstruct_store import templates as stored
from konstruct_store.store import Store

EVERY_SECONDS = 600.0
_SOON_SECONDS = 60.0


@dataclass
class TemplateLists:
    """Asks vendors, and keeps what they say; `mine` tells which connections this replica asks."""

    store: Store
    view: RegistryView
    outbounds: Mapping[str, Outbound]
    mine: Callable[[str], bool] = lambda key: True  # noqa: ARG005
    every_seconds: float = EVERY_SECONDS
    clock: Callable[[], float] = time.monotonic
    _due: dict[UUID, float] = field(default_factory=dict)

    async def round(self) -> None:
        """Ask about the connections that are due. Raises RetryLater."""
        now = self.clock()
        found: list[tuple[TenantSnapshot, ConnectionSnapshot, Templated]] = []
        for tenant in self.view.tenants.values():
            for connection in tenant.connections:
                outbound = self.outbounds.get(connection.type)
                if isinstance(outbound, Templated):
                    found.append((tenant, connection, outbound))
        known = {connection.connection_id for _, connection, _ in found}
        self._due = {one: at for one, at in self._due.items() if one in known}
        for tenant, connection, templated in found:
            key = connection.connection_id
            if self._due.get(key, now) > now:
                continue
            listed = self.mine(str(key)) and await self._list(tenant, connection, templated)
            again = self.every_seconds if listed or not self.mine(str(key)) else _SOON_SECONDS
            self._due[key] = now + again

    async def _list(
        self, tenant: TenantSnapshot, connection: ConnectionSnapshot, outbound: Templated
    ) -> bool:
        try:
            credentials = self.view.credentials(tenant, connection.name)
            templates = await outbound.templates(config=connection.config, credentials=credentials)
        except (ChannelError, SealRefused) as error:
            structlog.get_logger(__name__).info(
                "templates not listed",
                tenant_id=str(tenant.tenant_id),
                connection=connection.name,
                error=str(error),
            )
            return False
        await stored.keep(self.store, tenant.tenant_id, connection.connection_id, templates)
        return True
