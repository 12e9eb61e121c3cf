"""What vendors say became of our messages, on its way to the deliveries and the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from konstruct_channels.inbound import FailureKind, Receipt
from konstruct_channels.outbound import Outbound
from konstruct_channels.pricing import Priced
from konstruct_gateway.edge.metrics import Metrics
from konstruct_gateway.hooks.place import Route
from konstruct_gateway.sentences import Sentences
from konstruct_gateway.telling import Telling
from konstruct_gateway.windows import Windows
from konstruct_messages.inbound import Ignored
from konstruct_store import reports as stored
from konstruct_store.outbox import Cause
from konstruct_store.reports import Charged, Consequences, Outcome, Report
from konstruct_store.store import Store

_OF_ANOTHER = Ignored(reason="receipt_of_another")


@dataclass(frozen=True)
class Receipts:
    """Takes receipts, whatever their order; returns what is nobody's to be counted."""

    store: Store
    metrics: Metrics
    outbounds: Mapping[str, Outbound]
    sentences: Sentences
    telling: Telling
    windows: Windows
    doubt: Callable[[UUID, str], None]
    """Told of a connection (tenant, name) that a vendor delivers nothing for."""

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
            [_report(one) for one in receipts],
            Consequences(
                price=partial(self._price, route),
                counted_as=route.connection.type,
                time_zone=route.tenant.time_zone,
                word=partial(self._word, route),
                reopening=self.windows.reopening(route.connection),
            ),
        )
        channel = route.connection.type
        for one in receipts:
            self.metrics.receipts.labels(channel, one.status).inc()
        for outcome in taken.failures:
            self.metrics.deliveries.labels(channel, outcome.value).inc()
        if any(one.failure and one.failure.kind is FailureKind.CREDENTIALS for one in receipts):
            self.doubt(route.tenant.tenant_id, route.connection.name)
        if taken.queued:
            self.telling.queued()
        return [_OF_ANOTHER] * taken.unknown

    def _price(self, route: Route, charged: Charged) -> int | None:
        outbound = self.outbounds.get(route.connection.type)
        if not isinstance(outbound, Priced):
            return None
        return outbound.price(
            charged.conversation_key, charged.category, config=route.connection.config
        )

    def _word(self, route: Route, language: str) -> str:
        agent = route.agent.language if route.agent is not None else ""
        return self.sentences.undelivered(language, agent, route.tenant.language)


def _report(receipt: Receipt) -> Report:
    failure, charge = receipt.failure, receipt.charge
    return Report(
        vendor_id=receipt.vendor_id,
        receipt=receipt.status,
        delivery_id=receipt.delivery_id,
        outcome=_outcome(failure.kind) if failure is not None else Outcome.NONE,
        cause=_cause(failure.kind) if failure is not None else None,
        reason=failure.reason if failure is not None else "",
        pause_seconds=failure.after_seconds if failure is not None else 0.0,
        category=charge.category if charge is not None else "",
        billable=charge.billable if charge is not None else None,
    )


def _outcome(kind: FailureKind) -> Outcome:
    match kind:
        case FailureKind.WINDOW:
            return Outcome.HELD
        case FailureKind.LATER:
            return Outcome.QUEUED
        case FailureKind.REFUSED | FailureKind.CONTENT | FailureKind.CREDENTIALS:
            return Outcome.REFUSED


def _cause(kind: FailureKind) -> Cause | None:
    match kind:
        case FailureKind.CONTENT:
            return Cause.CONTENT
        case FailureKind.CREDENTIALS:
            return Cause.CREDENTIALS
        case FailureKind.WINDOW:
            return Cause.WINDOW
        case FailureKind.REFUSED:
            return Cause.VENDOR
        case FailureKind.LATER:
            return None
