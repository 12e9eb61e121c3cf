"""What must be tidied up slowly: erased tenants, old keys, reservations of calls that vanished."""

from dataclasses import dataclass

import structlog

from konstruct_gateway.registry.view import RegistryView
from konstruct_store import erase, receive, replicas, settle, usage
from konstruct_store.store import Store

_TENANTS_PER_ROUND = 50


@dataclass
class Housekeeper:
    """Runs on every replica; a few tenants per round, so that a thousand are no burst."""

    store: Store
    view: RegistryView
    _next: int = 0

    async def tidy(self) -> None:
        """Do one round. Raises RetryLater; what was tidied before stays tidy."""
        for tenant_id in await erase.erase_tenants(self.store):
            structlog.get_logger(__name__).info("tenant erased", tenant_id=str(tenant_id))
        await settle.prune_idle(self.store)
        await replicas.prune(self.store)
        tenants = sorted(self.view.tenants, key=str)
        if self._next >= len(tenants):
            self._next = 0
        some = tenants[self._next : self._next + _TENANTS_PER_ROUND]
        self._next += len(some)
        for tenant_id in some:
            await usage.expire_reservations(self.store, tenant_id)
            await receive.prune_keys(self.store, tenant_id)
