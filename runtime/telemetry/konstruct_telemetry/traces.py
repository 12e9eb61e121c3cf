"""Traces: what happened to one turn, across programs, as spans of one trace.

Every id that two programs must agree on follows from the turn's id, so nothing is stored or passed
on for it: the trace's id is the turn's, and so are decided whether it is traced and the ids of its
first two spans (see docs/decisions). Spans carry ids, names and counts, never texts.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from konstruct_telemetry.settings import TelemetrySettings

RECEIVE, TURN, THINK, MODEL, SEND = "receive", "turn", "think", "model call", "send"

_RANDOM_BITS = 62
_SPAN_BYTES = 8


class Span:
    """A span in the making; this one is of a turn that is not traced."""

    #: Names this span to another program (W3C traceparent); empty: there is nothing to name.
    traceparent: str = ""

    def say(self, **attributes: str | float) -> None:
        """Add what is known by now: ids, names, counts."""

    def failed(self, kind: str) -> None:
        """Mark it as failed, by a kind of failure."""


class Traces:
    """The traces of one program; these go nowhere."""

    def record(
        self, turn_id: UUID, name: str, *, began: datetime, ended: datetime, **attributes: object
    ) -> None:
        """Tell of RECEIVE or TURN once it is over; both times are aware."""

    @contextmanager
    def span(
        self, turn_id: UUID, name: str, *, parent: str = "", **attributes: object
    ) -> Iterator[Span]:
        """Tell of what happens inside, below TURN or the span that `parent` (a traceparent) names.

        An exception marks the span by its type.
        """
        del turn_id, name, parent, attributes
        yield Span()

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""


def open_traces(settings: TelemetrySettings, program: str) -> Traces:
    """Return where a program's spans go. The SDK is only loaded where there is a collector."""
    if not settings.traces_endpoint:
        return Traces()
    from konstruct_telemetry import exported  # noqa: PLC0415 - costs every start a tenth of a second

    return exported.open_exported(
        settings.traces_endpoint, program, percent=settings.traces_sample_percent
    )


def is_traced(turn_id: UUID, percent: float) -> bool:
    """Tell whether a turn is among the traced ones: every program decides alike."""
    chance: int = turn_id.int & (1 << _RANDOM_BITS) - 1
    return chance < percent / 100 * (1 << _RANDOM_BITS)


def span_id(turn_id: UUID, name: str) -> int:
    """Return the id of a turn's RECEIVE or TURN span, never 0."""
    digest = hashlib.sha256(f"{turn_id}/{name}".encode()).digest()
    return int.from_bytes(digest[:_SPAN_BYTES], "big") or 1


def began_at(turn_id: UUID) -> datetime:
    """Return when a turn's id was made: at its first claim (UUIDv7, RFC 9562, 5.7)."""
    return datetime.fromtimestamp((turn_id.int >> 80) / 1000, UTC)


def parent_of(traceparent: str, turn_id: UUID) -> int:
    """Return the span that a traceparent names in the turn's trace, else the turn's TURN span."""
    parts = traceparent.split("-")
    try:
        version, trace, span, _flags = parts
        if version == "00" and int(trace, 16) == turn_id.int and int(span, 16):
            return int(span, 16)
    except ValueError:
        pass
    return span_id(turn_id, TURN)
