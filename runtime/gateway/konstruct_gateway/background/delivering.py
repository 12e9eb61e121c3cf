"""One delivery: handed to its channel, and what every answer of a vendor means for it.

What certainly did not arrive is tried again for a day, then Refused. What may have arrived is asked
about and tried again for a day, then Unknown. A person hears of it once, where the channel works.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from konstruct_channels.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    VendorNotAsked,
    WindowClosed,
)
from konstruct_channels.outbound import Outbound, Outgoing
from konstruct_gateway.background.holds import Holds
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.media.enclosing import Enclosing
from konstruct_gateway.registry.view import RegistryView
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.windows import Windows
from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import AgentSnapshot, ConnectionSnapshot, TenantSnapshot
from konstruct_store import outbox
from konstruct_store.drafts import digest_of
from konstruct_store.outbox import Cause, Delivery
from konstruct_store.store import Store

GIVEN_UP_SECONDS = 24 * 3600.0
"""Since the first attempt, or since an operator had it sent again."""

LONGEST_PAUSE_SECONDS = 600.0
INTERRUPTED = "Interrupted"
"""The reason of an attempt that ended with its replica: the vendor is asked first."""

_SEND_SECONDS = 30.0
_MISSING_SECONDS = 60.0
_MISSING_PAUSE_SECONDS = 5.0
_JITTER = 0.2


@dataclass(frozen=True)
class _Way:
    """How a delivery goes out."""

    tenant: TenantSnapshot
    connection: ConnectionSnapshot
    outbound: Outbound
    agent: AgentSnapshot | None


@dataclass(frozen=True)
class Delivering:
    """Sends claimed deliveries; `chance` returns a number from 0 up to 1."""

    store: Store
    view: RegistryView
    metrics: Metrics
    sentences: Sentences
    outbounds: Mapping[str, Outbound]
    holds: Holds
    enclosing: Enclosing
    windows: Windows
    doubt: Callable[[UUID, str], None]
    """Told of a connection (tenant, name) whose credentials a vendor refused."""
    chance: Callable[[], float] = random.random

    async def deliver(self, delivery: Delivery, begins: Callable[[], None]) -> None:
        """Send it and record what became of it; `begins` is called when the vendor may get it.

        Raises TurnLost and RetryLater: then the next attempt asks the vendor first.
        """
        way = self._way(delivery)
        if way is None:
            await self._missing(delivery)
            return
        if delivery.window_closed and delivery.template is None and not delivery.in_doubt:
            await self.windows.hold(way.connection, delivery)
            return
        try:
            vendor_id = await self._send(way, delivery, begins)
        except SendLater as later:
            if later.whole_connection:
                self.holds.hold_back(delivery.connection_id, later.after_seconds)
            await self._later(way.connection.type, delivery, later)
        except WindowClosed as closed:
            await self.windows.hold(way.connection, delivery, said=str(closed))
        except SendUnclear as unclear:
            await self._unclear(way, delivery, unclear)
        except (SendRefused, SealRefused) as refused:
            await self._refused(way, delivery, refused)
        except ChannelError as unknown:
            await self._unknown(way, delivery, str(unknown) or type(unknown).__name__)
        else:
            self._count(way.connection.type, "Sent")
            await outbox.mark_sent(self.store, delivery, vendor_id=vendor_id)

    async def _send(self, way: _Way, delivery: Delivery, begins: Callable[[], None]) -> str:
        credentials = self.view.credentials(way.tenant, way.connection.name)
        outgoing = self.enclosing.enclose(
            _outgoing(delivery, way.agent), delivery, _languages(way, delivery)
        )
        begins()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                try:
                    return await way.outbound.send(
                        outgoing, config=way.connection.config, credentials=credentials
                    )
                except VendorNotAsked:
                    if not delivery.insists:
                        raise
                # An operator wants it sent even if it arrives twice.
                return await way.outbound.send(
                    replace(outgoing, in_doubt=False),
                    config=way.connection.config,
                    credentials=credentials,
                )
        except TimeoutError as error:
            raise SendUnclear("it took too long", after_seconds=2.0) from error

    def _way(self, delivery: Delivery) -> _Way | None:
        tenant = self.view.tenant_by_id(delivery.tenant_id)
        if tenant is None:
            return None
        found = (one for one in tenant.connections if one.connection_id == delivery.connection_id)
        connection = next(found, None)
        outbound = self.outbounds.get(connection.type) if connection is not None else None
        if connection is None or outbound is None:
            return None
        agent = next((one for one in tenant.agents if one.agent_id == delivery.agent_id), None)
        return _Way(tenant, connection, outbound, agent)

    async def _missing(self, delivery: Delivery) -> None:
        """Wait a little: this replica may not have read of the connection yet."""
        if delivery.tried_seconds < _MISSING_SECONDS:
            await outbox.retry_delivery(
                self.store,
                delivery,
                after_seconds=_MISSING_PAUSE_SECONDS,
                reason=INTERRUPTED if delivery.in_doubt else outbox.NOT_SENT,
            )
            return
        self._count("None", "Refused")
        reason = "the connection no longer exists here"
        await outbox.mark_refused(self.store, delivery, reason=reason, cause=Cause.CONNECTION)

    async def _later(self, channel: str, delivery: Delivery, later: SendLater) -> None:
        if delivery.tried_seconds >= GIVEN_UP_SECONDS:
            self._count(channel, "Refused")
            await outbox.mark_refused(self.store, delivery, reason=str(later), cause=Cause.GAVE_UP)
            return
        self._count(channel, "Queued")
        pause = later.after_seconds
        if later.grows:
            pause = pause_of(pause, delivery.held + 1, self.chance())
        await outbox.retry_delivery(self.store, delivery, after_seconds=pause)

    async def _unclear(self, way: _Way, delivery: Delivery, unclear: SendUnclear) -> None:
        if delivery.tried_seconds >= GIVEN_UP_SECONDS:
            await self._unknown(way, delivery, str(unclear), tells=False)
            return
        self._count(way.connection.type, "Queued")
        await outbox.retry_delivery(
            self.store,
            delivery,
            after_seconds=pause_of(unclear.after_seconds, delivery.tries, self.chance()),
            reason=str(unclear) or type(unclear).__name__,
        )

    async def _refused(
        self, way: _Way, delivery: Delivery, refused: SendRefused | SealRefused
    ) -> None:
        cause, word = Cause.VENDOR, ""
        match refused:
            case CredentialsRefused():
                self.doubt(way.tenant.tenant_id, way.connection.name)
                cause = Cause.CREDENTIALS
            case SealRefused():
                cause = Cause.CREDENTIALS
            case ContentRefused():
                cause = Cause.CONTENT
                word = self.sentences.undelivered(*_languages(way, delivery))
        self._count(way.connection.type, "Refused")
        await outbox.mark_refused(self.store, delivery, reason=str(refused), cause=cause, word=word)

    async def _unknown(
        self, way: _Way, delivery: Delivery, reason: str, *, tells: bool = True
    ) -> None:
        word = self.sentences.perhaps_delivered(*_languages(way, delivery)) if tells else ""
        self._count(way.connection.type, "Unknown")
        await outbox.mark_unknown(self.store, delivery, reason=reason, word=word)

    def _count(self, channel: str, state: str) -> None:
        self.metrics.deliveries.labels(channel, state).inc()


def pause_of(first_seconds: float, tries: int, chance: float) -> float:
    """Return the seconds to wait after so many tries: twice as long each time, up to ten minutes.

    `chance`, from 0 up to 1, spreads what failed together by a fifth either way.
    """
    doubled: int = 2 ** min(max(tries - 1, 0), 16)
    pause = min(first_seconds * doubled, LONGEST_PAUSE_SECONDS)
    return pause * (1 - _JITTER + 2 * _JITTER * chance)


def _languages(way: _Way, delivery: Delivery) -> tuple[str, ...]:
    agent = way.agent.language if way.agent is not None else ""
    return (delivery.language, agent, way.tenant.language)


def _outgoing(delivery: Delivery, agent: AgentSnapshot | None) -> Outgoing:
    return Outgoing(
        delivery_id=delivery.delivery_id,
        conversation_key=delivery.conversation_key,
        text=delivery.text,
        attempt=delivery.tries,
        in_doubt=delivery.in_doubt,
        queued_at=delivery.queued_at,
        agent_name=agent.display_name if agent is not None else "",
        avatar=agent.avatar if agent is not None else None,
        choices=delivery.choices,
        ask_id=delivery.ask_id,
        drafted=delivery.drafted,
        draft_id=(delivery.vendor_id or "") if delivery.drafted else "",
        template=delivery.template,
        answers=delivery.answers,
        shown=delivery.drafted and delivery.shown == digest_of(delivery.text),
        feedback_key=str(delivery.turn_id) if delivery.ends_answer else "",
        language=delivery.language,
    )
