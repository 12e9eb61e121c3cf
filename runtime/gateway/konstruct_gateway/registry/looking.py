"""Looks at the store on behalf of whoever asked for something that is not known here."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

_PAUSE_SECONDS = 0.1


class SharedLook:
    """One look for all who ask before it begins; looks follow one another, `pause` apart.

    So any number of addresses that nobody ever declared costs ten small queries a second.
    """

    def __init__(
        self, look: Callable[[], Awaitable[object]], *, pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._look = look
        self._pause_seconds = pause_seconds
        self._next: asyncio.Task[None] | None = None
        self._running = asyncio.Lock()
        self._not_before = 0.0

    async def look(self) -> None:
        """Return once a look that began after this call has ended. Raises what it raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
            self._next.add_done_callback(_seen)
        await asyncio.shield(self._next)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._running:
            await asyncio.sleep(max(0.0, self._not_before - loop.time()))
            # Whoever asks from here on may ask for what this look no longer sees.
            self._next = None
            try:
                await self._look()
            finally:
                self._not_before = loop.time() + self._pause_seconds


def _seen(task: asyncio.Task[None]) -> None:
    """Take the error of a look whose askers have all gone."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()
