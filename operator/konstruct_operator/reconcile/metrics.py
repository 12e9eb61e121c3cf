"""The operator's metrics, in a registry of their own."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from sys import intern

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


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
        self._connections = _Connections()
        self.registry.register(self._connections)

    def connections(self, tenant: str, found: Mapping[tuple[str, str, str], bool]) -> None:
        """Show a tenant's connections: whether (connection, channel, condition) is True."""
        self._connections.show(tenant, found)

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


class _Connections(Collector):
    """The conditions of all connections, made into samples only when they are asked for.

    A labelled Gauge holds a kilobyte for each, and a large installation has tens of thousands.
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[tuple[str, str, str], bool]] = {}

    def show(self, tenant: str, found: Mapping[tuple[str, str, str], bool]) -> None:
        """Have these for a tenant in place of what was shown of it."""
        self._found.pop(tenant, None)
        if found:
            self._found[tenant] = {
                (name, intern(channel), intern(condition)): holds
                for (name, channel, condition), holds in found.items()
            }

    def collect(self) -> Iterator[Metric]:
        """Yield one family with a sample per condition that is known."""
        family = GaugeMetricFamily(
            "konstruct_connection_condition",
            "1 while a condition of a ChannelConnection is True, 0 while it is False; nothing while"
            " it is not known",
            labels=["tenant", "connection", "channel", "condition"],
        )
        for tenant, found in self._found.items():
            for key, holds in found.items():
                family.add_metric((tenant, *key), 1 if holds else 0)
        yield family
