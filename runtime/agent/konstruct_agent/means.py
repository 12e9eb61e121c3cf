"""What a turn works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from gettext import NullTranslations

from konstruct_agent.model import ModelClient
from konstruct_agent.work import WorkClient
from konstruct_telemetry.traces import Traces


@dataclass(frozen=True)
class Means:
    """What a turn works with; injected, so that a test holds clock and pauses."""

    work: WorkClient
    model: ModelClient
    catalogues: Mapping[str, NullTranslations]
    now: Callable[[], datetime]
    tool_timeout_seconds: float = 30.0
    model_timeout_seconds: float = 150.0
    #: How long a model service that cannot serve is waited for: its database may start anew.
    model_patience_seconds: float = 30.0
    #: How long one is waited for that no connection can be made to.
    model_absence_seconds: float = 600.0
    traces: Traces = field(default_factory=Traces)
