"""Loops that never end by an error: a failed round is counted, logged and tried again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from konstruct_gateway.edge.metrics import Metrics
from konstruct_store.errors import StoreError


async def every(
    seconds: float, name: str, work: Callable[[], Awaitable[object]], metrics: Metrics
) -> None:
    """Call `work` every `seconds`, counted from the end of one round, until cancelled."""
    log = structlog.get_logger(__name__).bind(task=name)
    while True:
        try:
            await work()
        except StoreError as error:
            metrics.background_failures.labels(name).inc()
            log.warning("round failed", error=str(error))
        except Exception:
            # A bug in one round must not stop what nobody else does.
            metrics.background_failures.labels(name).inc()
            log.exception("round failed")
        await asyncio.sleep(seconds)
