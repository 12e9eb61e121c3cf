"""What the gateway counts. Its own registry: two gateways in one process do not share figures."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_ACKNOWLEDGE_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 3)


class Metrics:
    """The metrics of one gateway. Labels never hold a tenant, a person or a text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "konstruct_gateway_messages",
            "Messages acknowledged, by channel and whether the same came before",
            ["channel", "repeated"],
            registry=self.registry,
        )
        self.acknowledge = Histogram(
            "konstruct_gateway_acknowledge_seconds",
            "From the message read to its acknowledgement written",
            ["channel"],
            buckets=_ACKNOWLEDGE_BUCKETS,
            registry=self.registry,
        )
        self.refused = Counter(
            "konstruct_gateway_refused",
            "What was refused, by where and why",
            ["where", "code"],
            registry=self.registry,
        )
        self.ignored = Counter(
            "konstruct_gateway_ignored",
            "What was genuine and needs no answer, by channel and reason",
            ["channel", "reason"],
            registry=self.registry,
        )
        self.commands = Counter(
            "konstruct_gateway_commands",
            "Commands obeyed, by channel and command",
            ["channel", "command"],
            registry=self.registry,
        )
        self.feedback = Counter(
            "konstruct_gateway_feedback",
            "What people think of replies, by channel and value; a changed mind counts again",
            ["channel", "value"],
            registry=self.registry,
        )
        self.files = Counter(
            "konstruct_gateway_files",
            "People's files, by channel and what became of them",
            ["channel", "state"],
            registry=self.registry,
        )
        self.receipts = Counter(
            "konstruct_gateway_receipts",
            "What vendors said became of messages that they took, by channel and status",
            ["channel", "status"],
            registry=self.registry,
        )
        self.sockets = Gauge(
            "konstruct_gateway_sockets", "Open web chat sockets", registry=self.registry
        )
        self.waiting = Gauge(
            "konstruct_gateway_waiting_claims", "Claims that wait", registry=self.registry
        )
        self.turns = Counter(
            "konstruct_gateway_turns",
            "Turns by what happened: Claimed or the disposition",
            ["event"],
            registry=self.registry,
        )
        self.deliveries = Counter(
            "konstruct_gateway_deliveries",
            "Deliveries by channel and what became of them",
            ["channel", "state"],
            registry=self.registry,
        )
        self.expired = Counter(
            "konstruct_gateway_expired",
            "Messages that nobody answered because tenant or agent was suspended for too long",
            registry=self.registry,
        )
        self.sending = Gauge(
            "konstruct_gateway_sending",
            "Deliveries that this replica is sending now",
            registry=self.registry,
        )
        self.queue = Gauge(
            "konstruct_gateway_queue",
            "Conversations of all tenants that wait for an agent to claim them; the same at every"
            " replica",
            registry=self.registry,
        )
        self.queue_age = Gauge(
            "konstruct_gateway_queue_oldest_seconds",
            "How long the first of konstruct_gateway_queue has waited, 0 where none waits",
            registry=self.registry,
        )
        self.backlog = Gauge(
            "konstruct_gateway_backlog",
            "Deliveries of all tenants by state (Queued, Sending, Held; Refused and Unknown that"
            " nobody has dealt with) and dead turns (Dead); the same at every replica",
            ["state"],
            registry=self.registry,
        )
        self.backlog_age = Gauge(
            "konstruct_gateway_backlog_oldest_seconds",
            "Age of the oldest of konstruct_gateway_backlog, 0 where there is none",
            ["state"],
            registry=self.registry,
        )
        self.drafts = Counter(
            "konstruct_gateway_drafts",
            "Replies shown while they were made, by channel and what happened to their beginning",
            ["channel", "event"],
            registry=self.registry,
        )
        self.background_failures = Counter(
            "konstruct_gateway_background_failures",
            "Rounds of a background task that failed and will be tried again",
            ["task"],
            registry=self.registry,
        )
        self.registry_version = Gauge(
            "konstruct_gateway_registry_version",
            "The version of the registry that this replica has",
            registry=self.registry,
        )
        self._shown_version = -1
        self.sealed = Gauge(
            "konstruct_gateway_sealed_secrets",
            "Sealed secrets by the id of the key they are sealed to; an old key without any may go",
            ["key_id"],
            registry=self.registry,
        )

    def show_registry(self, version: int, sealed_to: Callable[[], Mapping[str, int]]) -> None:
        """Show the registry's version and, when it is another one, what is sealed to which key."""
        self.registry_version.set(version)
        if version != self._shown_version:
            self._shown_version = version
            self.sealed.clear()
            for key_id, count in sealed_to().items():
                self.sealed.labels(key_id).set(count)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
