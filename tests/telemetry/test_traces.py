"""Which turns are traced, and what a span says."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from konstruct_store.identifiers import new_id
from konstruct_telemetry.settings import TelemetrySettings
from konstruct_telemetry.traces import (
    MODEL,
    RECEIVE,
    THINK,
    TURN,
    began_at,
    is_traced,
    open_traces,
    parent_of,
    span_id,
)
from support.far_collector import far_collector

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_every_program_decides_alike_and_about_the_share_that_was_said() -> None:
    turns = [new_id() for _ in range(4000)]
    traced = [one for one in turns if is_traced(one, 25)]
    assert traced == [one for one in turns if is_traced(UUID(str(one)), 25)]
    assert 800 < len(traced) < 1200
    assert all(is_traced(one, 100) for one in turns)
    assert not any(is_traced(one, 0) for one in turns)


def test_the_begin_of_a_turn_is_in_its_id() -> None:
    assert abs(began_at(new_id()) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_traceparent_of_another_trace_is_not_believed() -> None:
    turn, other = new_id(), new_id()
    mine = span_id(turn, TURN)
    assert parent_of(f"00-{turn.hex}-00000000000000ab-01", turn) == 0xAB
    for forged in (
        "",
        "nonsense",
        f"00-{other.hex}-00000000000000ab-01",
        f"00-{turn.hex}-0000000000000000-01",
        f"00-{turn.hex}-xx-01",
        f"01-{turn.hex}-00000000000000ab-01",
    ):
        assert parent_of(forged, turn) == mine


@pytest.mark.process
def test_without_a_collector_the_sdk_is_not_even_loaded() -> None:
    script = """if True:
        import sys
        import konstruct_agent.main
        from konstruct_telemetry.settings import TelemetrySettings
        from konstruct_telemetry.traces import open_traces
        open_traces(TelemetrySettings(), "agent")
        sys.exit(any(one.startswith("opentelemetry") for one in sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0


@pytest.mark.sockets
async def test_spans_of_a_turn_hang_together_and_failures_are_named_by_their_type() -> None:
    turn = new_id()
    with far_collector() as far:
        traces = open_traces(TelemetrySettings(traces_endpoint=far.url), "gateway")
        traces.record(turn, RECEIVE, began=NOW, ended=NOW + timedelta(seconds=1))
        with traces.span(turn, THINK, attempt=1) as think:

            def call() -> None:
                with traces.span(turn, MODEL, parent=think.traceparent) as span:
                    span.say(model="demo")
                    raise RuntimeError("words of a person")

            with pytest.raises(RuntimeError):
                call()
        traces.record(turn, TURN, began=NOW + timedelta(seconds=1), ended=NOW)
        await traces.close()
    assert far.paths == {"/v1/traces"}
    assert b"words of a person" not in far.raw
    spans = {one.name: one for one in far.spans}
    assert {one.trace for one in far.spans} == {turn.hex}
    assert spans[RECEIVE].parent == ""
    assert spans[TURN].parent == spans[RECEIVE].id
    assert spans[THINK].parent == spans[TURN].id
    assert spans[MODEL].parent == spans[THINK].id
    assert spans[MODEL].failed
    assert not spans[THINK].failed
    assert spans[MODEL].attributes["konstruct.model"] == "demo"
    assert spans[THINK].attributes == {"konstruct.turn_id": str(turn), "konstruct.attempt": 1}
    assert spans[TURN].ended == spans[TURN].began


@pytest.mark.sockets
async def test_a_turn_that_is_not_traced_sends_nothing() -> None:
    with far_collector() as far:
        settings = TelemetrySettings(traces_endpoint=far.url, traces_sample_percent=0)
        traces = open_traces(settings, "gateway")
        with traces.span(new_id(), THINK) as span:
            assert span.traceparent == ""
        traces.record(new_id(), TURN, began=NOW, ended=NOW)
        await traces.close()
    assert not far.spans
