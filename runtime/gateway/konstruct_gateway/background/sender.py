"""From a recorded reply to the vendor: claimed, fenced, in order per conversation."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct_channels.errors import (
    ChannelError,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    SendUnknown,
)
from konstruct_channels.outbound import Outbound, Outgoing
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.registry.view import RegistryView
from konstruct_registry.errors import SealRefused
from konstruct_store import outbox
from konstruct_store.errors import StoreError
from konstruct_store.outbox import Delivery
from konstruct_store.store import Store

_LEASE_SECONDS = 60.0
_SEND_SECONDS = 30.0
_MOST_AT_ONCE = 32
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass
class Sender:
    """Claims what is due and hands it to the channels' outbound halves, by channel type."""

    store: Store
    view: RegistryView
    metrics: Metrics
    outbounds: Mapping[str, Outbound]
    doubt: Callable[[UUID, str], None]
    """Told of a connection (tenant, name) whose credentials a vendor refused."""
    lease_seconds: float = _LEASE_SECONDS
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def round(self) -> None:
        """Claim what there is room for and start sending it. Raises RetryLater."""
        while True:
            room = _MOST_AT_ONCE - len(self._sending)
            if room <= 0:
                return
            claimed = await outbox.claim_deliveries(
                self.store, lease_seconds=self.lease_seconds, limit=room
            )
            for delivery in claimed:
                task = asyncio.create_task(self._send(delivery))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            if not claimed:
                return

    async def drain(self, *, seconds: float) -> None:
        """Let what is being sent end; what does not is asked about by its next sender."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=seconds)

    async def _send(self, delivery: Delivery) -> None:
        try:
            await self._deliver(delivery)
        except StoreError as error:
            # The lease ends, and the next attempt asks the vendor before it sends again.
            structlog.get_logger(__name__).warning(
                "delivery not recorded", delivery_id=str(delivery.delivery_id), error=str(error)
            )
        except Exception:  # noqa: BLE001 - a bug in one delivery must not stop the others
            structlog.get_logger(__name__).exception(
                "delivery failed", delivery_id=str(delivery.delivery_id)
            )

    async def _deliver(self, delivery: Delivery) -> None:
        tenant = self.view.tenant_by_id(delivery.tenant_id)
        connection = next(
            (
                one
                for one in (tenant.connections if tenant else ())
                if one.connection_id == delivery.connection_id
            ),
            None,
        )
        outbound = self.outbounds.get(connection.type) if connection else None
        if tenant is None or connection is None or outbound is None:
            await self._refused(delivery, "", "the connection no longer exists here")
            return
        channel = connection.type
        agent = next((one for one in tenant.agents if one.agent_id == delivery.agent_id), None)
        outgoing = Outgoing(
            delivery_id=delivery.delivery_id,
            conversation_key=delivery.conversation_key,
            text=delivery.text,
            attempt=delivery.attempt,
            in_doubt=delivery.in_doubt,
            queued_at=delivery.queued_at,
            agent_name=agent.display_name if agent is not None else "",
            avatar=agent.avatar if agent is not None else None,
        )
        try:
            credentials = self.view.credentials(tenant, connection.name)
            async with asyncio.timeout(_SEND_SECONDS):
                vendor_id = await outbound.send(
                    outgoing, config=connection.config, credentials=credentials
                )
        except SendLater as later:
            self.metrics.deliveries.labels(channel, "Queued").inc()
            await outbox.retry_delivery(
                self.store,
                delivery,
                after_seconds=later.after_seconds,
            )
        except SendUnclear as unclear:
            # The next attempt asks the vendor; each waits longer than the one before.
            self.metrics.deliveries.labels(channel, "Queued").inc()
            pause = unclear.after_seconds * 2 ** min(delivery.attempt - 1, 6)
            await outbox.retry_delivery(
                self.store,
                delivery,
                after_seconds=min(pause, _LONGEST_PAUSE_SECONDS),
                reason=str(unclear),
            )
        except (SendRefused, SealRefused) as refused:
            if isinstance(refused, CredentialsRefused):
                self.doubt(tenant.tenant_id, connection.name)
            await self._refused(delivery, channel, str(refused))
        except (SendUnknown, TimeoutError, ChannelError) as unknown:
            self.metrics.deliveries.labels(channel, "Unknown").inc()
            await outbox.mark_unknown(self.store, delivery, reason=type(unknown).__name__)
        else:
            self.metrics.deliveries.labels(channel, "Sent").inc()
            await outbox.mark_sent(self.store, delivery, vendor_id=vendor_id)

    async def _refused(self, delivery: Delivery, channel: str, reason: str) -> None:
        self.metrics.deliveries.labels(channel or "None", "Refused").inc()
        await outbox.mark_refused(self.store, delivery, reason=reason)
