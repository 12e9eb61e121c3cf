"""Agents that wait for work: woken by receipts here, hints, and one query a second for all."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from uuid import UUID

from prometheus_client import Gauge


class Waiting:
    """The waiting claims by tenant. A waiter costs no SQL until it is woken."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._waiters: dict[UUID, OrderedDict[int, asyncio.Future[bool]]] = {}
        self._marked: set[UUID] = set()
        self._news: dict[UUID, int] = {}
        self._quiet: set[UUID] = set()
        self._any_marked = asyncio.Event()
        self._next = 0
        self._closed = False
        self._nobody: Callable[[UUID], None] | None = None

    @property
    def tenants(self) -> list[UUID]:
        """The tenants somebody waits for."""
        return list(self._waiters)

    @property
    def closed(self) -> bool:
        """Whether this replica is going down: no claim waits any longer."""
        return self._closed

    def listen(self, nobody: Callable[[UUID], None]) -> None:
        """Call `nobody` when a tenant is to be woken and no claim of it waits here."""
        self._nobody = nobody

    def quiet(self, tenant_id: UUID) -> bool:
        """Tell whether the last look found nothing more of the tenant, and no news came since.

        Who waits then knows as much as who waits already: what nobody told this replica is found by
        the query of every second.
        """
        return tenant_id in self._quiet

    def news(self, tenant_id: UUID) -> int:
        """Return how often there was something to look for so far: ask before you look."""
        return self._news.get(tenant_id, 0)

    def nothing_more(self, tenant_id: UUID, news: int) -> None:
        """Say that a look found nothing more; `news` is what `news` was before it."""
        if self.news(tenant_id) == news:
            self._quiet.add(tenant_id)

    def join(self, tenant_id: UUID) -> "Waiter":
        """Wait for the tenant's next turn; leave again with `Waiter.leave`."""
        self._next += 1
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_result(False)
        self._waiters.setdefault(tenant_id, OrderedDict())[self._next] = future
        self._gauge.inc()
        return Waiter(self, tenant_id, self._next, future)

    def wake(
        self, tenant_id: UUID, *, after_seconds: float = 0.0, perhaps_more: bool = False
    ) -> None:
        """Wake the claim that waits longest for this tenant and was not woken yet.

        `perhaps_more`: it is not known how much is due, so whoever finds something wakes the next.
        """
        if after_seconds > 0:
            asyncio.get_running_loop().call_later(after_seconds, self.wake, tenant_id)
            return
        self._note(tenant_id)
        for future in self._waiters.get(tenant_id, OrderedDict()).values():
            if not future.done():
                future.set_result(perhaps_more)
                return
        if self._nobody is not None and tenant_id not in self._waiters:
            self._nobody(tenant_id)

    def wake_all(self, tenants: Iterable[UUID]) -> None:
        """Wake one claim of each tenant; there may be more to do."""
        for tenant_id in tenants:
            self.wake(tenant_id, perhaps_more=True)

    def mark(self, tenant_id: UUID) -> None:
        """Let the tenant be looked at soon: something of it may have become due."""
        self._note(tenant_id)
        if tenant_id in self._waiters:
            self._marked.add(tenant_id)
            self._any_marked.set()

    async def take_marked(self) -> list[UUID]:
        """Wait until tenants are marked; return them, unmarked."""
        await self._any_marked.wait()
        self._any_marked.clear()
        marked, self._marked = list(self._marked), set()
        return marked

    def close(self) -> None:
        """Wake everybody for good: the replica goes down."""
        self._closed = True
        for waiters in self._waiters.values():
            for future in waiters.values():
                if not future.done():
                    future.set_result(False)

    def _note(self, tenant_id: UUID) -> None:
        self._news[tenant_id] = self.news(tenant_id) + 1
        self._quiet.discard(tenant_id)

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
        self, waiting: Waiting, tenant_id: UUID, number: int, future: asyncio.Future[bool]
    ) -> None:
        self._waiting = waiting
        self._tenant_id = tenant_id
        self._number = number
        self.woken = future

    def leave(self) -> None:
        """Wait no longer. Whoever was woken and did not use it wakes the next with `wake`."""
        self._waiting.leave(self._tenant_id, self._number)
