"""The work queue: one entry per key, never two workers on one key, retries with jitter."""

import asyncio
import contextlib
import heapq
import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple

FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 60.0


class Key(NamedTuple):
    """What is to be looked at: a Tenant or AgentTemplate by name, or a namespace without tenant."""

    kind: str
    name: str


class CoalescingQueue:
    """Keys with the time they are due, in seconds of `clock`.

    A key asked for many times before a worker takes it is worked on once. A key asked for while it
    is being worked on is worked on once more afterwards. A failed key comes back after an
    exponentially growing pause with jitter, a success forgets its failures.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._running: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    def put(self, key: Key, *, after: float = 0.0) -> None:
        """Ask for `key`, at the earliest `after` seconds from now; an earlier wish stands."""
        due = self._clock() + after
        known = self._due.get(key)
        if known is not None and known <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        self._changed.set()

    async def take(self) -> Key:
        """Wait for a due key that nobody works on, and mark it as worked on.

        One waits for all: or every wish and every due time would wake every worker.
        """
        async with self._turn:
            return await self._take()

    async def _take(self) -> Key:
        while True:
            pause = self._next_pause()
            if pause is not None and pause <= 0:
                key = self._pop()
                if key is not None:
                    self._running.add(key)
                    return key
                continue
            self._changed.clear()
            # Not wait_for: a wait that ends at the moment of a cancellation makes it lose that.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def defer(self, key: Key, *, after: float) -> None:
        """Give a taken key back, to be taken `after` seconds from now at the earliest."""
        self._running.discard(key)
        self._due.pop(key, None)
        self.put(key, after=after)

    def done(self, key: Key, *, failed: bool = False) -> None:
        """End the work on `key`; a failed one comes back by itself."""
        self._running.discard(key)
        if failed:
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
            pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(count, 16))
            self.put(key, after=pause * (0.5 + self._jitter()))
        else:
            self._failures.pop(key, None)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
            self._changed.set()

    def __len__(self) -> int:
        """Return how many keys wait, due or not."""
        return len(self._due)

    def due(self) -> int:
        """Return how many keys wait although their time has come."""
        now = self._clock()
        return sum(1 for at in self._due.values() if at <= now)

    def _next_pause(self) -> float | None:
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) != due or key in self._running:
                heapq.heappop(self._heap)
                continue
            return due - self._clock()
        return None

    def _pop(self) -> Key | None:
        due, key = heapq.heappop(self._heap)
        if self._due.get(key) != due or key in self._running:
            return None
        del self._due[key]
        return key
