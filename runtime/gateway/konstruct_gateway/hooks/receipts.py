"""What vendors say became of our messages, on its way to the deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass

from konstruct_channels.inbound import FailureKind, Receipt
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hooks.place import Route
from konstruct_messages.inbound import Ignored
from konstruct_store import receipts as stored
from konstruct_store.outbox import Cause
from konstruct_store.store import Store

_OF_ANOTHER = Ignored(reason="receipt_of_another")


@dataclass(frozen=True)
class Receipts:
    """Takes receipts, whatever their order; returns what is nobody's to be counted."""

    store: Store
    metrics: Metrics

    async def take(self, route: Route, receipts: Sequence[Receipt]) -> list[Ignored]:
        """Return once they are durable. Raises RetryLater.

        What comes back is of messages that other programs sent from the same number.
        """
        if not receipts:
            return []
        taken = await stored.take(
            self.store,
            route.tenant.tenant_id,
            route.connection.connection_id,
            [_said(one) for one in receipts],
        )
        channel = route.connection.type
        for receipt, found in zip(receipts, taken, strict=True):
            if found is not None and found.changed and receipt.status == "failed":
                self.metrics.deliveries.labels(channel, "Refused").inc()
        return [_OF_ANOTHER for found in taken if found is None]


def _said(receipt: Receipt) -> stored.Said:
    failure = receipt.failure
    return stored.Said(
        vendor_id=receipt.vendor_id,
        status=receipt.status,
        delivery_id=receipt.delivery_id,
        cause=_cause(failure.kind) if failure is not None else Cause.VENDOR,
        reason=failure.reason if failure is not None else "",
    )


def _cause(kind: FailureKind) -> Cause:
    match kind:
        case FailureKind.CONTENT:
            return Cause.CONTENT
        case FailureKind.CREDENTIALS:
            return Cause.CREDENTIALS
        case FailureKind.REFUSED | FailureKind.WINDOW | FailureKind.LATER:
            return Cause.VENDOR
