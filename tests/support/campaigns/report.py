"""What every campaign prints: progress while it runs, and one line of JSON at its end."""

import asyncio
import contextlib
import json
import logging
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog
from structlog.typing import EventDict

PROGRESS_SECONDS = 10.0
_MOST_MISTAKES = 20


def say(text: str) -> None:
    """Print a line of progress to standard error, which carries no results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def line(campaign: str, *, seed: int, clean: bool, began: float, **figures: Any) -> dict[str, Any]:
    """Return the campaign's one line: what ran, what was found, in how many seconds."""
    seconds = round(time.monotonic() - began, 1)
    return {"campaign": campaign, "seed": seed, "clean": clean, **figures, "seconds": seconds}


def finish(found: Mapping[str, Any]) -> int:
    """Print the line and return the exit code: 0 for a clean campaign."""
    sys.stdout.write(json.dumps(found, default=str) + "\n")
    sys.stdout.flush()
    return 0 if found["clean"] else 1


@asynccontextmanager
async def progress(
    now: Callable[[], str], *, quiet: bool = False, seconds: float = PROGRESS_SECONDS
) -> AsyncIterator[None]:
    """Print what `now` returns every few seconds while the block runs."""
    began = time.monotonic()

    async def tell() -> None:
        while True:
            await asyncio.sleep(seconds)
            say(f"{time.monotonic() - began:7.0f} s  {now()}")

    task = None if quiet else asyncio.create_task(tell())
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@contextmanager
def silent_logs() -> Iterator[list[str]]:
    """Drop what the product logs in this process; yield what it said of its own mistakes."""
    mistakes: list[str] = []

    def keep(_logger: object, _name: str, event: EventDict) -> EventDict:
        error = event.get("exc_info")
        if isinstance(error, BaseException) and len(mistakes) < _MOST_MISTAKES:
            where = traceback.extract_tb(error.__traceback__)[-1:]
            mistakes.append(f"{event.get('event')}: {error!r} {where}")
        raise structlog.DropEvent

    before = structlog.get_config()
    errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(processors=[keep], wrapper_class=errors)
    served = logging.getLogger("uvicorn.error")
    level, served.level = served.level, logging.CRITICAL
    try:
        yield mistakes
    finally:
        structlog.configure(**before)
        served.level = level


def percentiles(samples: Sequence[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum of samples, in their unit; empty for none."""
    ordered = sorted(samples)
    if not ordered:
        return {}
    return {
        "p50": round(ordered[len(ordered) // 2], 3),
        "p99": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 3),
        "max": round(ordered[-1], 3),
    }
