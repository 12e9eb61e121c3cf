"""Windows in which a vendor takes words of ours: opened by a person's message, and what is held.

What would fall outside is kept until the person writes; where the connection names a template, that
asks the person to. See `docs/delivery.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from konstruct_channels.outbound import Outbound
from konstruct_channels.spec import ChannelSpec
from konstruct_channels.templates import Templated
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hints import Hint
from konstruct_gateway.telling import Telling
from konstruct_messages.inbound import InboundMessage
from konstruct_registry.snapshot import ConnectionSnapshot, TenantSnapshot
from konstruct_store import windows as stored
from konstruct_store.outbox import Delivery
from konstruct_store.receive import Received
from konstruct_store.store import Store
from konstruct_store.windows import Reopening

_CLOSED = "the person wrote too long ago"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Windows:
    """Opens windows and holds deliveries, for the channels whose vendors have any."""

    store: Store
    specs: Mapping[str, ChannelSpec]
    outbounds: Mapping[str, Outbound]
    telling: Telling
    metrics: Metrics
    now: Callable[[], datetime] = _now

    async def written(
        self,
        tenant: TenantSnapshot,
        connection: ConnectionSnapshot,
        messages: Sequence[InboundMessage],
        received: Sequence[Received],
    ) -> None:
        """Open the windows of conversations in which people wrote. Raises RetryLater.

        A repetition opens them again: the first time may have ended between the two.
        """
        spec = self.specs.get(connection.type)
        if spec is None or spec.window_hours is None:
            return
        now = self.now()
        found = [
            (one.conversation_id, min(message.sent_at or now, now))
            for message, one in zip(messages, received, strict=True)
            if one.seq > 0
        ]
        if not found:
            return
        lasts = timedelta(hours=spec.window_hours)
        if await stored.open_windows(self.store, tenant.tenant_id, found, lasts=lasts):
            self.telling.queued()

    async def hold(
        self, connection: ConnectionSnapshot, delivery: Delivery, *, said: str = ""
    ) -> None:
        """Keep a delivery until the person writes; `said` are the vendor's words, where it spoke.

        Raises TurnLost and RetryLater.
        """
        held = await stored.hold(
            self.store,
            delivery,
            reason=said or _CLOSED,
            told=bool(said),
            reopening=self.reopening(connection) if delivery.template is None else None,
        )
        self.metrics.deliveries.labels(connection.type, "Held" if held.held else "Queued").inc()
        if held.entry is None:
            return
        hint = Hint(
            kind="Log",
            tenant_id=delivery.tenant_id,
            conversation_id=delivery.conversation_id,
            seq=held.entry.seq,
            queued=True,
        )
        self.telling.tell(hint, (held.entry,))

    def reopening(self, connection: ConnectionSnapshot) -> Reopening | None:
        """Return the template that asks a person of this connection to write again."""
        outbound = self.outbounds.get(connection.type)
        if not isinstance(outbound, Templated):
            return None
        template = outbound.reopening(config=connection.config)
        if template is None:
            return None
        return Reopening(template, f"[{template['name']}]")
