"""Who is wanted awake and what programs learnt: always the whole list, with a version."""

import asyncio
import hashlib
import json
from uuid import UUID

from konstruct_gateway.registry.view import RegistryView, running
from konstruct_registry.wire import Demand
from konstruct_store import claims
from konstruct_store import registry as stored
from konstruct_store.store import Store

_LOOK_SECONDS = 1.0


class DemandBoard:
    """Answers the operator's long poll. One look at the store per second serves every poller."""

    def __init__(
        self, store: Store, view: RegistryView, *, look_seconds: float = _LOOK_SECONDS
    ) -> None:
        self._store = store
        self._view = view
        self._look_seconds = look_seconds
        self._changed = asyncio.Event()
        self._awake: frozenset[UUID] = frozenset()
        self._closed = False

    def changed(self) -> None:
        """Something happened that may change the list: look at once."""
        self._changed.set()

    def wanted(self, tenant_id: UUID) -> None:
        """Somebody wants a tenant of which no claim waits: if it sleeps, look at once."""
        if tenant_id not in self._awake:
            self._changed.set()

    def close(self) -> None:
        """End every poll: the replica goes down."""
        self._closed = True
        self._changed.set()

    async def wait(self, version: str, *, seconds: float) -> Demand:
        """Return the list once its version is not `version`, or after `seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            # Before the look: what changes during it may be missing in what it sees.
            self._changed.clear()
            demand = await self.look()
            left = deadline - loop.time()
            if demand.version != version or left <= 0 or self._closed:
                return demand
            try:
                async with asyncio.timeout(min(self._look_seconds, left)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def look(self) -> Demand:
        """Return the list as it is now. Raises RetryLater."""
        idle_after = {
            tenant.tenant_id: tenant.idle_after_seconds
            for tenant in self._view.tenants.values()
            if running(tenant)
        }
        awake = sorted(await claims.wanted_awake(self._store, idle_after), key=str)
        self._awake = frozenset(awake)
        reports_version, reports = await stored.reports(self._store)
        content = json.dumps([[str(one) for one in awake], reports_version, self._view.version])
        return Demand(
            version=hashlib.sha256(content.encode()).hexdigest()[:24],
            awake=tuple(awake),
            reports=tuple(reports),
        )
