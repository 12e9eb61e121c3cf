"""The operator's metrics, in a registry of their own."""

import contextlib
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters and gauges of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._writes: Mapping[str, int] = {}
        self.reconciled = Counter(
            "konstruct_operator_reconciles",
            "Objects looked at, by kind and outcome (done, retried, failed)",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "konstruct_operator_reconcile_seconds",
            "How long one look took",
            ["kind"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "konstruct_operator_queue_waiting", "Objects due and waiting", registry=self.registry
        )
        self.leading = Gauge(
            "konstruct_operator_leading", "1 while this process leads", registry=self.registry
        )
        self.gateway = Gauge(
            "konstruct_operator_gateway_reachable",
            "1 while the gateway's registry answers",
            registry=self.registry,
        )
        self.writes = Gauge(
            "konstruct_operator_api_writes",
            "Write requests to the API server since the start, by collection",
            ["resource"],
            registry=self.registry,
        )
        self.rollout_pending = Gauge(
            "konstruct_operator_rollout_pending",
            "Tenants whose pods lack the newest agent image or other part of the platform",
            registry=self.registry,
        )
        self.rollout_paused = Gauge(
            "konstruct_operator_rollout_paused",
            "1 while a roll-out touches nobody further because a tenant of its wave stays ill",
            registry=self.registry,
        )
        self.ready = Gauge(
            "konstruct_tenant_ready",
            "1 while the Tenant is Ready",
            ["tenant"],
            registry=self.registry,
        )
        self.connection = Gauge(
            "konstruct_connection_condition",
            "1 while a condition of a ChannelConnection is True, 0 while it is False; nothing while"
            " it is not known",
            ["tenant", "connection", "channel", "condition"],
            registry=self.registry,
        )
        self._connections: dict[str, set[tuple[str, ...]]] = {}

    def connections(self, tenant: str, found: Mapping[tuple[str, str, str], bool]) -> None:
        """Show a tenant's connections: whether (connection, channel, condition) is True."""
        now: set[tuple[str, ...]] = {(tenant, *key) for key in found}
        for gone in self._connections.pop(tenant, set()) - now:
            self.connection.remove(*gone)
        for key, holds in found.items():
            self.connection.labels(tenant, *key).set(1 if holds else 0)
        if now:
            self._connections[tenant] = now

    def follow(self, *, waiting: Callable[[], int], writes: Mapping[str, int]) -> None:
        """Take these numbers from where they are kept, each time the metrics are asked for."""
        self.waiting.set_function(waiting)
        self._writes = writes

    def forget(self, tenant: str) -> None:
        """Drop the series of a tenant that is gone."""
        self.connections(tenant, {})
        with contextlib.suppress(KeyError):
            self.ready.remove(tenant)

    def text(self) -> bytes:
        """Return the metrics in the exposition format."""
        for resource, count in self._writes.items():
            self.writes.labels(resource=resource).set(count)
        return generate_latest(self.registry)
