"""How much of their budgets tenants have used, for whoever watches the metrics."""

import asyncio
from uuid import UUID

import structlog

from konstruct_llm.metrics import LlmMetrics
from konstruct_llm.tenants import Tenants
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import Store, usage
from konstruct_store.errors import StoreError

_PAUSE_SECONDS = 15.0
_ALL_SECONDS = 3600.0


class BudgetWatch:
    """Looks up the months of tenants that made calls since the last look, and hourly of all.

    A tenant whose budget or registration ends loses its series with the next look at it.
    """

    def __init__(self, store: Store, tenants: Tenants, metrics: LlmMetrics) -> None:
        self._store = store
        self._tenants = tenants
        self._metrics = metrics
        self._due: set[UUID] = set()
        self._shown: dict[UUID, str] = {}

    def touch(self, tenant_id: UUID) -> None:
        """Have a tenant looked up soon: it makes a call."""
        self._due.add(tenant_id)

    async def follow(self) -> None:
        """Look for ever. A database that is away is asked again later."""
        loop = asyncio.get_running_loop()
        all_again = loop.time() + _ALL_SECONDS
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            if loop.time() >= all_again:
                all_again = loop.time() + _ALL_SECONDS
                self._due |= set(self._shown)
            try:
                await self.look()
            except StoreError as error:
                structlog.get_logger(__name__).warning("budgets_not_read", reason=str(error))

    async def look(self) -> None:
        """Look up who is due. Raises StoreError; the rest stays due."""
        for tenant_id in list(self._due):
            tenant = self._tenants.find(tenant_id)
            limit = _limit(tenant)
            if tenant is None or not limit:
                self._forget(tenant_id)
            else:
                used = await usage.month_committed(
                    self._store, tenant_id, time_zone=tenant.time_zone
                )
                if self._shown.get(tenant_id, tenant.name) != tenant.name:
                    self._forget(tenant_id)
                self._metrics.budget_used.labels(tenant.name).set(used / limit)
                self._shown[tenant_id] = tenant.name
            self._due.discard(tenant_id)

    def _forget(self, tenant_id: UUID) -> None:
        name = self._shown.pop(tenant_id, None)
        if name is not None:
            self._metrics.budget_used.remove(name)


def _limit(tenant: TenantSnapshot | None) -> int | None:
    budget = tenant.budget if tenant is not None else None
    return budget.monthly_micro_usd if budget is not None else None
