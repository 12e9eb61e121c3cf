"""What the gateway last said: who is wanted awake, and what programs learnt."""

import time
from collections.abc import Callable
from uuid import UUID

from konstruct_operator.observed import Demand
from konstruct_registry.wire import Demand as DemandList
from konstruct_registry.wire import Report


class DemandBoard:
    """The latest complete list. A list older than `seconds` is not acted upon."""

    def __init__(self, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._heard_at: float | None = None
        self._awake: frozenset[UUID] = frozenset()
        self._reports: dict[UUID, tuple[Report, ...]] = {}

    def hear(self, demand: DemandList) -> set[UUID]:
        """Take in a list and return the tenants for which it says something new."""
        awake = frozenset(demand.awake)
        reports: dict[UUID, tuple[Report, ...]] = {}
        for report in demand.reports:
            reports[report.tenant_id] = (*reports.get(report.tenant_id, ()), report)
        changed = set(awake ^ self._awake)
        changed |= {
            tenant
            for tenant in reports.keys() | self._reports.keys()
            if reports.get(tenant) != self._reports.get(tenant)
        }
        self._awake, self._reports, self._heard_at = awake, reports, self._clock()
        return changed

    def demand_for(self, tenant_id: UUID) -> Demand:
        """Return whether the tenant is wanted awake, as far as that is known."""
        if self._heard_at is None or self._clock() - self._heard_at > self._seconds:
            return Demand()
        return Demand(known=True, awake=tenant_id in self._awake)

    def reports_on(self, tenant_id: UUID) -> tuple[Report, ...]:
        """Return what programs reported about the tenant's objects."""
        return self._reports.get(tenant_id, ())
