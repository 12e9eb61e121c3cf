"""What the service counts. Labels hold names of the pool and outcomes, never a tenant's text."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class LlmMetrics:
    """The service's metrics, in a registry of their own (several services may share a process)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "konstruct_llm_calls_total",
            "Calls by how they ended",
            ("outcome",),
            registry=self.registry,
        )
        self.attempts = Counter(
            "konstruct_llm_attempts_total",
            "Requests to providers by model and outcome",
            ("model", "outcome"),
            registry=self.registry,
        )
        self.retries = Counter(
            "konstruct_llm_retries_total",
            "Attempts beyond the first at the same deployment",
            ("model",),
            registry=self.registry,
        )
        self.open_circuits = Gauge(
            "konstruct_llm_open_circuits",
            "Deployments out of rotation, by model",
            ("model",),
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "konstruct_llm_calls_in_progress", "Calls in progress", registry=self.registry
        )
        self.first_token = Histogram(
            "konstruct_llm_first_token_seconds",
            "From the accepted request to the provider's first token",
            ("model",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.tokens = Counter(
            "konstruct_llm_tokens_total",
            "Tokens by model and direction",
            ("model", "direction"),
            registry=self.registry,
        )
        self.cost = Counter(
            "konstruct_llm_cost_micro_usd_total",
            "Cost in micro-USD by model",
            ("model",),
            registry=self.registry,
        )
        self.unsettled = Counter(
            "konstruct_llm_unsettled_total",
            "Answers that could not be journalled",
            ("reason",),
            registry=self.registry,
        )

        self.refused = Counter(
            "konstruct_llm_refused_total",
            "Requests that were refused, by code; budget_exceeded is a reached budget",
            ("code",),
            registry=self.registry,
        )
        self.budget_used = Gauge(
            "konstruct_llm_budget_used_ratio",
            "Share of this month's budget that a tenant has spent or reserved, where it has one;"
            " looked up after its calls and every hour",
            ("tenant",),
            registry=self.registry,
        )

        self.provider_keys = Gauge(
            "konstruct_llm_provider_keys",
            "The installation's provider keys by their last four characters: Running, Refused (the"
            " former stays in use) or Untried (the provider cannot be asked)",
            ("variable", "ending", "state"),
            registry=self.registry,
        )

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
