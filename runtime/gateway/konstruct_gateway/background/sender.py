"""From a recorded reply to the vendor: claimed in rotation, fenced, in order per conversation.

What a dead replica was sending is taken over once the others know that it is dead. A replica that
may be dead to them breaks its calls off before that: nobody else sends what it still sends.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct_gateway.background.delivering import INTERRUPTED, Delivering
from konstruct_store import outbox
from konstruct_store.errors import StoreError
from konstruct_store.outbox import Delivery
from konstruct_telemetry.logs import remember
from konstruct_telemetry.traces import SEND, Traces

_LEASE_SECONDS = 60.0
_MOST_AT_ONCE = 128
_MOST_PER_TENANT = 8
_BACKLOG_STATES = ("Queued", "Sending", "Held", "Refused", "Unknown", "Dead")


@dataclass(eq=False)
class _Sending:
    """A delivery that was claimed. `begun`: the vendor may have got something of it."""

    delivery: Delivery
    task: asyncio.Task[None] | None = None
    begun: bool = False

    def begins(self) -> None:
        self.begun = True


@dataclass
class Sender:
    """Claims what is due, as soon as it is told that something is and every `poll_seconds`."""

    delivering: Delivering
    poll_seconds: float
    queued: asyncio.Event
    """Set by whoever queued something here."""
    lease_seconds: float = _LEASE_SECONDS
    per_tenant: int = _MOST_PER_TENANT
    traces: Traces = field(default_factory=Traces)
    replica_id: UUID | None = None
    """Who claims; None: a replica that tells nobody that it lives."""
    silent: Callable[[], bool] = lambda: False
    """Whether this replica may soon be dead to the others."""
    _broken_off: list[_Sending] = field(default_factory=list)
    _sending: set[_Sending] = field(default_factory=set)
    _claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closing: bool = False

    async def round(self) -> None:
        """Wait for something to send, then look. Raises RetryLater."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.poll_seconds):
                await self.queued.wait()
        self.queued.clear()
        await self.look()

    async def look(self) -> None:
        """Claim what is due and there is room for. Raises RetryLater."""
        async with self._claiming:
            while not self._closing and await self._claim():
                pass

    async def guard(self) -> None:
        """Break off what is being sent while this replica is silent. Needs no database."""
        for one in list(self._sending) if self.silent() else ():
            if one.task is not None and one not in self._broken_off:
                structlog.get_logger(__name__).warning(
                    "delivery broken off", delivery_id=str(one.delivery.delivery_id)
                )
                one.task.cancel()
                self._broken_off.append(one)

    async def release(self) -> None:
        """Let what this replica broke off, and what dead ones were sending, be due.

        Whoever takes it asks the vendor first. Raises RetryLater.
        """
        while self._broken_off and not self.silent():
            await self._give_back(self._broken_off.pop())
        released = await outbox.release_of_dead(self.delivering.store)
        if released:
            structlog.get_logger(__name__).warning("deliveries released", deliveries=released)
            self.queued.set()

    async def count_backlog(self) -> None:
        """Show what waits and what was not delivered, of all tenants. Raises RetryLater."""
        metrics = self.delivering.metrics
        found = {one.state: one for one in await outbox.backlog(self.delivering.store)}
        for state in _BACKLOG_STATES:
            one = found.get(state)
            metrics.backlog.labels(state).set(one.waiting if one else 0)
            metrics.backlog_age.labels(state).set(one.oldest_seconds if one else 0)

    async def drain(self, *, seconds: float) -> None:
        """Claim nothing more; give back what has not begun, and let the rest end.

        What has not ended after `seconds` is given back as in doubt: whoever takes it asks the
        vendor before anything is sent again.
        """
        self._closing = True
        async with self._claiming:
            sending = set(self._sending)
        for one in sending:
            if not one.begun and one.task is not None:
                one.task.cancel()
        tasks = {one.task for one in sending if one.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for one in sending:
            if one.task is not None and (not one.task.done() or one.task.cancelled()):
                one.task.cancel()
                await asyncio.gather(one.task, return_exceptions=True)
                await self._give_back(one)

    async def _claim(self) -> bool:
        """Claim once and start sending; tell whether there may be more."""
        room = _MOST_AT_ONCE - len(self._sending)
        if room <= 0 or self.silent():
            return False
        claimed = await outbox.claim_deliveries(
            self.delivering.store,
            lease_seconds=self.lease_seconds,
            limit=room,
            per_tenant=self.per_tenant,
            busy=self._busy(),
            held_back=self.delivering.holds.held_back(),
            replica_id=self.replica_id,
        )
        for delivery in claimed:
            one = _Sending(delivery)
            self._sending.add(one)
            one.task = asyncio.create_task(self._send(one))
        self.delivering.metrics.sending.set(len(self._sending))
        return bool(claimed)

    def _busy(self) -> Mapping[UUID, int]:
        return Counter(one.delivery.tenant_id for one in self._sending)

    async def _send(self, one: _Sending) -> None:
        delivery = one.delivery
        remember(
            tenant_id=delivery.tenant_id,
            conversation_id=delivery.conversation_id,
            turn_id=delivery.turn_id,
            delivery_id=delivery.delivery_id,
        )
        log = structlog.get_logger(__name__)
        try:
            with self.traces.span(
                delivery.turn_id,
                SEND,
                delivery_id=delivery.delivery_id,
                connection_id=delivery.connection_id,
                tries=delivery.tries,
            ):
                await self.delivering.deliver(delivery, one.begins)
        except StoreError as error:
            # The lease ends, and the next attempt asks the vendor before it sends again.
            log.warning("delivery not recorded", error=str(error))
        except Exception:
            # A bug in one delivery must not stop the others.
            log.exception("delivery failed")
        finally:
            self._sending.discard(one)
            self.delivering.metrics.sending.set(len(self._sending))
            # There is room, and the conversation's next part may be due.
            self.queued.set()

    async def _give_back(self, one: _Sending) -> None:
        # What an earlier attempt left in doubt stays so, although this one did nothing.
        in_doubt = one.begun or one.delivery.in_doubt
        reason = INTERRUPTED if in_doubt else outbox.NOT_SENT
        try:
            await outbox.retry_delivery(
                self.delivering.store, one.delivery, after_seconds=0.0, reason=reason
            )
        except StoreError as error:
            structlog.get_logger(__name__).warning(
                "delivery not given back",
                delivery_id=str(one.delivery.delivery_id),
                error=str(error),
            )
