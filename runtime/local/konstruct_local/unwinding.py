"""Stopping in order and in time: each step has its limit, and none holds up those after it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

log = structlog.get_logger(__name__)


def push_step(
    stack: AsyncExitStack, name: str, stop: Callable[[], Awaitable[object]], *, seconds: float
) -> None:
    """Have `stop` called when the stack unwinds, for at most `seconds`; trouble is logged.

    What is cut short is made good by the next start, as after a crash.
    """

    async def step() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(seconds):
                await stop()
        except TimeoutError:
            log.warning("stopping_cut_short", step=name, seconds=seconds)
        except Exception:
            log.exception("stopping_failed", step=name)
        else:
            log.info("stopped", step=name, seconds=round(loop.time() - began, 3))

    stack.push_async_callback(step)
