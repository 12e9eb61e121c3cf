"""Wait in a test for something that no event announces."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, seconds: float = 15) -> None:
    """Return when `condition` holds. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the one place where a test may poll
            await asyncio.sleep(0.01)
