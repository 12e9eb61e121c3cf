"""Claiming: an agent waits for a turn of its tenant and gets it frozen, leased and fenced."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from konstruct_gateway.chat import frames
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.edge.rates import Counts
from konstruct_gateway.errors import Overloaded
from konstruct_gateway.registry.view import RegistryView, running
from konstruct_gateway.telling import Telling
from konstruct_gateway.work.models import ClaimRequest
from konstruct_gateway.work.waiting import Waiter, Waiting
from konstruct_messages.turns import ClaimedTurn
from konstruct_registry.snapshot import TenantSnapshot
from konstruct_store import claims as stored
from konstruct_store.store import Store
from konstruct_telemetry.traces import RECEIVE, Traces, began_at

_MOST_BOOTS = 10_000
_SHORT_WAIT_SECONDS = 5.0
"""Who waits less may leave before the next query for what is due, and looks in any case."""

_NOTHING = stored.Look(None, more=True)


@dataclass
class Claims:
    """Hands out turns. `gone` in `claim` resolves when the client is no longer there."""

    store: Store
    view: RegistryView
    waiting: Waiting
    telling: Telling
    metrics: Metrics
    claimed: Callable[[ClaimedTurn], None]
    lease_seconds: float
    deadline_seconds: int
    max_attempts: int
    open_claims: Counts
    traces: Traces = field(default_factory=Traces)
    _boots: OrderedDict[tuple[UUID, str], UUID] = field(default_factory=OrderedDict)

    async def claim(
        self,
        tenant: TenantSnapshot,
        request: ClaimRequest,
        gone: Callable[[], Awaitable[None]],
    ) -> ClaimedTurn | None:
        """Return the tenant's next turn, or None when none came within the wait.

        Raises Overloaded when too many claims of the tenant wait, or RetryLater.
        """
        if not self.open_claims.take(str(tenant.tenant_id)):
            raise Overloaded("Too many claims of this tenant wait already.")
        try:
            return await self._claim(tenant, request, gone)
        finally:
            self.open_claims.give(str(tenant.tenant_id))

    async def _claim(
        self,
        tenant: TenantSnapshot,
        request: ClaimRequest,
        gone: Callable[[], Awaitable[None]],
    ) -> ClaimedTurn | None:
        await self._greet(tenant.tenant_id, request)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.wait_seconds
        leaving: asyncio.Task[None] | None = None
        more = False
        found = _NOTHING
        skip = request.fresh and request.wait_seconds >= _SHORT_WAIT_SECONDS
        skip = skip and self.waiting.quiet(tenant.tenant_id)
        try:
            while True:
                # Joined before looking: what becomes due after the look wakes this waiter.
                waiter = self.waiting.join(tenant.tenant_id)
                try:
                    if not skip:
                        found = await self._try(tenant.tenant_id, request)
                    skip = False
                    turn = found.turn
                    left = deadline - loop.time()
                    if turn is not None or left <= 0 or self.waiting.closed:
                        if waiter.woken.done() or (turn is not None and more and found.more):
                            # Somebody else must look: this wake-up was not used, or is a chain.
                            self.waiting.wake(tenant.tenant_id, perhaps_more=True)
                        return turn
                    leaving = leaving or asyncio.ensure_future(gone())
                    if not await self._woken(waiter, leaving, left):
                        return None
                    if leaving.done():
                        self.waiting.wake(tenant.tenant_id, perhaps_more=True)
                        return None
                    more = waiter.woken.result()
                finally:
                    waiter.leave()
        finally:
            if leaving is not None:
                leaving.cancel()

    async def _try(self, tenant_id: UUID, request: ClaimRequest) -> stored.Look:
        tenant = self.view.tenant_by_id(tenant_id)
        if tenant is None or not running(tenant):
            return _NOTHING
        news = self.waiting.news(tenant_id)
        found = await stored.claim_turn(
            self.store,
            tenant_id,
            claim_id=request.claim_id,
            boot_id=request.boot_id,
            pod=request.pod,
            agents={agent.agent_id: agent for agent in tenant.agents},
            tenant=tenant,
            lease_seconds=self.lease_seconds,
            deadline_seconds=self.deadline_seconds,
            max_attempts=self.max_attempts,
        )
        if not found.more:
            self.waiting.nothing_more(tenant_id, news)
        if found.turn is not None:
            self._begun(tenant_id, found.turn)
        return found

    def _begun(self, tenant_id: UUID, turn: ClaimedTurn) -> None:
        self.metrics.turns.labels("Claimed").inc()
        self.claimed(turn)
        self._trace(turn)
        name = str(turn.agent.get("displayName", ""))
        frame = frames.typing(str(turn.turn_id), name)
        self.telling.show(tenant_id, turn.conversation_id, frame)

    def _trace(self, turn: ClaimedTurn) -> None:
        """Tell of the receipt, which is over once the turn is claimed for the first time."""
        if turn.attempt > 1:
            return
        claimed = began_at(turn.turn_id)
        self.traces.record(
            turn.turn_id,
            RECEIVE,
            began=min((line.at for line in turn.messages), default=claimed),
            ended=claimed,
            tenant_id=turn.tenant_id,
            conversation_id=turn.conversation_id,
            messages=len(turn.messages),
        )

    async def _woken(self, waiter: Waiter, leaving: asyncio.Task[None], seconds: float) -> bool:
        """Wait for work, the client's leaving, or the end of the wait; False for the last."""
        either: set[asyncio.Future[Any]] = {waiter.woken, leaving}
        done, _ = await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def _greet(self, tenant_id: UUID, request: ClaimRequest) -> None:
        """Free what an earlier boot of this pod held, once per boot."""
        key = (tenant_id, request.pod)
        if not request.pod or self._boots.get(key) == request.boot_id:
            return
        released = await stored.release_turns(
            self.store,
            tenant_id,
            boot_id=request.boot_id,
            other_than_boot_of_pod=request.pod,
        )
        for _ in released:
            self.waiting.wake(tenant_id)
        self._boots[key] = request.boot_id
        self._boots.move_to_end(key)
        if len(self._boots) > _MOST_BOOTS:
            self._boots.popitem(last=False)
