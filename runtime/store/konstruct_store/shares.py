"""Shares of something scarce: however much one key wants, the others find some left."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress


class Shares:
    """At most `most` holders per key at once; who wants more waits behind those of its own key."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def hold(self, key: Hashable, *, seconds: float) -> AsyncIterator[None]:
        """Hold one of the key's share. Raises TimeoutError after `seconds` of waiting."""
        held = self._held.get(key, 0)
        if held < self.most:
            self._held[key] = held + 1
        else:
            await self._wait(key, seconds)
        try:
            yield
        finally:
            self._give(key)

    async def _wait(self, key: Hashable, seconds: float) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(key, deque())
        queue.append(mine)
        try:
            async with asyncio.timeout(seconds):
                await mine
        except BaseException:
            if mine.done() and not mine.cancelled():
                self._give(key)  # it was handed over while we gave up
            else:
                with suppress(ValueError):  # whoever gave meanwhile passed us over, and took us out
                    queue.remove(mine)
                if not queue and self._waiting.get(key) is queue:
                    del self._waiting[key]
            raise

    def _give(self, key: Hashable) -> None:
        """Hand a place over to whoever waits longest, or let it go."""
        queue = self._waiting.get(key)
        while queue:
            first = queue.popleft()
            if not queue:
                del self._waiting[key]
            if not first.done():
                first.set_result(None)
                return
        held = self._held[key] - 1
        if held:
            self._held[key] = held
        else:
            del self._held[key]
