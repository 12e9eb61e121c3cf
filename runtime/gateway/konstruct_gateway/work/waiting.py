"""Agents that wait for work: woken by receipts here, hints, and one query a second for all."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

from prometheus_client import Gauge


class Waiting:
    """The waiting claims by tenant. A waiter costs no SQL until it is woken."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._waiters: dict[UUID, OrderedDict[int, asyncio.Future[None]]] = {}
        self._next = 0
        self._closed = False

    @property
    def tenants(self) -> list[UUID]:
        """The tenants somebody waits for."""
        return list(self._waiters)

    @property
    def closed(self) -> bool:
        """Whether this replica is going down: no claim waits any longer."""
        return self._closed

    def join(self, tenant_id: UUID) -> "Waiter":
        """Wait for the tenant's next turn; leave again with `Waiter.leave`."""
        self._next += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_result(None)
        self._waiters.setdefault(tenant_id, OrderedDict())[self._next] = future
        self._gauge.inc()
        return Waiter(self, tenant_id, self._next, future)

    def wake(self, tenant_id: UUID, *, after_seconds: float = 0.0) -> None:
        """Wake the claim that waits longest for this tenant and was not woken yet."""
        if after_seconds > 0:
            asyncio.get_running_loop().call_later(after_seconds, self.wake, tenant_id)
            return
        for future in self._waiters.get(tenant_id, OrderedDict()).values():
            if not future.done():
                future.set_result(None)
                return

    def wake_all(self, tenants: Iterable[UUID]) -> None:
        """Wake one claim of each tenant."""
        for tenant_id in tenants:
            self.wake(tenant_id)

    def close(self) -> None:
        """Wake everybody for good: the replica goes down."""
        self._closed = True
        for waiters in self._waiters.values():
            for future in waiters.values():
                if not future.done():
                    future.set_result(None)

    def leave(self, tenant_id: UUID, number: int) -> None:
        """Forget a waiter."""
        waiters = self._waiters.get(tenant_id)
        if waiters is not None and waiters.pop(number, None) is not None:
            self._gauge.dec()
            if not waiters:
                del self._waiters[tenant_id]


class Waiter:
    """One waiting claim."""

    def __init__(
        self, waiting: Waiting, tenant_id: UUID, number: int, future: asyncio.Future[None]
    ) -> None:
        self._waiting = waiting
        self._tenant_id = tenant_id
        self._number = number
        self.woken = future

    def leave(self) -> None:
        """Wait no longer. Whoever was woken and did not use it wakes the next with `wake`."""
        self._waiting.leave(self._tenant_id, self._number)
