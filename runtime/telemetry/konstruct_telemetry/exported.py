"""Traces that leave the program: OpenTelemetry's SDK, sending OTLP over HTTP in a thread."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
)

from konstruct_telemetry import traces

_SEND_SECONDS = 5.0
_PAUSE_MILLISECONDS = 1_000
_LONGEST_ATTRIBUTE = 200


class _Ids(IdGenerator):
    """Gives the next span the ids that it is to have; only ever used between two awaits."""

    def __init__(self) -> None:
        self.next_trace = 0
        self.next_span = 0

    def generate_trace_id(self) -> int:
        return self.next_trace or secrets.randbits(128)

    def generate_span_id(self) -> int:
        given, self.next_span = self.next_span, 0
        return given or secrets.randbits(64) or 1


class _Span(traces.Span):
    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    def say(self, **attributes: str | float) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(_named(name), value)

    def failed(self, kind: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, kind))


class ExportedTraces(traces.Traces):
    """Spans of the turns that are traced; what cannot be sent is dropped after a while."""

    def __init__(self, provider: TracerProvider, ids: _Ids, *, percent: float) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("konstruct")
        self._ids = ids
        self._percent = percent

    def record(
        self, turn_id: UUID, name: str, *, began: datetime, ended: datetime, **attributes: object
    ) -> None:
        """Send the span, with the id that the turn gives it."""
        if not traces.is_traced(turn_id, self._percent):
            return
        parent = traces.span_id(turn_id, traces.RECEIVE) if name == traces.TURN else 0
        self._ids.next_span = traces.span_id(turn_id, name)
        span = self._begin(turn_id, name, parent, _nanoseconds(began), attributes)
        span.end(max(_nanoseconds(ended), _nanoseconds(began)))

    @contextmanager
    def span(
        self, turn_id: UUID, name: str, *, parent: str = "", **attributes: object
    ) -> Iterator[traces.Span]:
        """Send the span when it is over."""
        if not traces.is_traced(turn_id, self._percent):
            yield traces.Span()
            return
        span = self._begin(turn_id, name, traces.parent_of(parent, turn_id), None, attributes)
        telling = _Span(span)
        try:
            yield telling
        except BaseException as error:
            telling.failed(type(error).__name__)
            raise
        finally:
            span.end()

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._provider.force_flush, int(_SEND_SECONDS * 1000))
        await asyncio.to_thread(self._provider.shutdown)

    def _begin(
        self,
        turn_id: UUID,
        name: str,
        parent: int,
        began: int | None,
        attributes: dict[str, object],
    ) -> trace.Span:
        above: trace.Span = INVALID_SPAN
        if parent:
            context = SpanContext(
                turn_id.int, parent, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
            )
            above = NonRecordingSpan(context)
        self._ids.next_trace = turn_id.int
        return self._tracer.start_span(
            name,
            context=trace.set_span_in_context(above),
            start_time=began,
            attributes={
                _named(key): value if isinstance(value, int | float) else str(value)
                for key, value in {"turn_id": turn_id, **attributes}.items()
            },
        )


def open_exported(endpoint: str, program: str, *, percent: float) -> ExportedTraces:
    """Begin to send spans to `endpoint`, a collector's base address."""
    ids = _Ids()
    provider = TracerProvider(
        resource=Resource({"service.name": f"konstruct-{program}"}),
        id_generator=ids,
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_attribute_length=_LONGEST_ATTRIBUTE),
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_SEND_SECONDS)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, schedule_delay_millis=_PAUSE_MILLISECONDS)
    )
    return ExportedTraces(provider, ids, percent=percent)


def _named(name: str) -> str:
    return f"konstruct.{name}"


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1_000
