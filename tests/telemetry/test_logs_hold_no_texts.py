"""What a line of a log may hold: ids, codes and places, never what somebody wrote."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from konstruct_telemetry.logs import about, configure_logs

CANARY = "sk-canary-d41d8cd98f00"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    output = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("INFO", "gateway", output=output)
    yield output
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def _fails() -> None:
    secret_in_a_frame = CANARY
    try:
        int(secret_in_a_frame)
    except ValueError as error:
        raise RuntimeError(f"cannot use {secret_in_a_frame}") from error


def test_an_exception_is_logged_by_its_type_and_its_places(written: io.StringIO) -> None:
    try:
        _fails()
    except RuntimeError:
        structlog.get_logger("any").exception("round failed")
    (line,) = _lines(written)
    assert CANARY not in written.getvalue()
    assert [one["type"] for one in line["exception"]] == [
        "builtins.RuntimeError",
        "builtins.ValueError",
    ]
    assert "_fails" in line["exception"][0]["frames"][-1]
    assert (line["level"], line["event"], line["program"]) == ("error", "round failed", "gateway")


def test_an_exception_given_as_a_value_is_no_different(written: io.StringIO) -> None:
    structlog.get_logger("any").error("failed", exc_info=RuntimeError(CANARY))
    (line,) = _lines(written)
    assert line["exception"] == [{"type": "builtins.RuntimeError", "frames": []}]


def test_a_library_says_its_sentence_without_what_it_puts_into_it(written: io.StringIO) -> None:
    logger = logging.getLogger("some.library")
    logger.warning("cannot read %r", CANARY)
    logger.warning(f"cannot read {CANARY}")  # noqa: G004 - as libraries do
    try:
        _fails()
    except RuntimeError:
        logger.exception("failed with %s", CANARY)
    lines = _lines(written)
    assert CANARY not in written.getvalue()
    assert lines[0]["event"] == "cannot read %r"
    assert lines[0]["logger"] == "some.library"
    assert lines[1]["event"].startswith("some.library at test_logs_hold_no_texts.")
    assert lines[2]["exception"][0]["type"] == "builtins.RuntimeError"


def test_lines_inside_carry_the_ids(written: io.StringIO) -> None:
    log = structlog.get_logger("any")
    with about(tenant_id="t1", turn_id="u1", conversation_id=""):
        log.info("inside")
    log.info("outside")
    inside, outside = _lines(written)
    assert (inside["tenant_id"], inside["turn_id"]) == ("t1", "u1")
    assert "conversation_id" not in inside
    assert "tenant_id" not in outside


def test_the_level_decides(written: io.StringIO) -> None:
    configure_logs("ERROR", "agent", output=written)
    log = structlog.get_logger("any")
    log.warning("not said")
    logging.getLogger("some.library").warning("not said")
    log.error("said")
    assert [line["event"] for line in _lines(written)] == ["said"]


def test_debug_does_not_let_libraries_talk(written: io.StringIO) -> None:
    configure_logs("DEBUG", "agent", output=written)
    logging.getLogger("httpx").info("POST with %s", CANARY)
    structlog.get_logger("any").debug("said")
    assert [line["event"] for line in _lines(written)] == ["said"]


def test_another_level_is_refused() -> None:
    with pytest.raises(ValueError, match="DEBUG, INFO"):
        configure_logs("TRACE", "agent")
