"""Group commit: what arrives under a key while its transaction is under way goes together next."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_TOGETHER = 64
"""Requests that share one transaction: more would make the first of them wait for the last."""

Outcome = Any
"""What becomes of one request: its result, or the exception that its caller gets."""

Together = Callable[[Sequence[Any]], Awaitable[Sequence[Outcome]]]
"""Carry requests out, in their order, and return the outcome of each."""

Fits = Callable[[Any, Any], bool]
"""Whether the second request may share the transaction of the first."""


@dataclass(eq=False, slots=True)
class _Waiting:
    request: Any
    together: Together
    fits: Fits
    outcome: asyncio.Future[Outcome]


@dataclass
class Lanes:
    """One request at a time per key; those that wait meanwhile go together, in their order.

    A request that finds its lane free goes at once and alone, in its caller's task: at low load
    nothing is added but a look at a dictionary. `most` bounds how many go together.
    """

    most: int = MOST_TOGETHER
    _lanes: dict[Hashable, deque[_Waiting]] = field(default_factory=dict)
    _drains: set[asyncio.Task[None]] = field(default_factory=set)

    async def go(self, key: Hashable, request: Any, together: Together, fits: Fits) -> Outcome:
        """Return what became of `request`, or raise it.

        A caller that is cancelled while its request waits takes it back; once it has gone, it is
        carried out all the same.
        """
        queue = self._lanes.get(key)
        if queue is None:
            return await self._first(key, request, together)
        waiting = _Waiting(request, together, fits, asyncio.get_running_loop().create_future())
        queue.append(waiting)
        return await waiting.outcome

    async def _first(self, key: Hashable, request: Any, together: Together) -> Outcome:
        self._lanes[key] = deque()
        try:
            [outcome] = await together([request])
        finally:
            if self._lanes[key]:
                drain = asyncio.create_task(self._drain(key))
                self._drains.add(drain)
                drain.add_done_callback(self._drains.discard)
            else:
                del self._lanes[key]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _drain(self, key: Hashable) -> None:
        """Carry out what waits until nothing does."""
        queue = self._lanes[key]
        try:
            while queue:
                some = self._take(queue)
                if some:
                    await _carry_out(some)
        finally:
            del self._lanes[key]
            for one in queue:
                one.outcome.cancel()

    def _take(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """Take from the queue's head what may go together."""
        some: list[_Waiting] = []
        while queue and len(some) < self.most:
            if queue[0].outcome.cancelled():
                queue.popleft()
                continue
            if some and not some[0].fits(some[0].request, queue[0].request):
                break
            some.append(queue.popleft())
        return some


async def _carry_out(some: Sequence[_Waiting]) -> None:
    try:
        outcomes = await some[0].together([one.request for one in some])
    except asyncio.CancelledError:
        for one in some:
            one.outcome.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - every caller gets it
        outcomes = [error] * len(some)
    for one, outcome in zip(some, outcomes, strict=True):
        with contextlib.suppress(asyncio.InvalidStateError):
            if isinstance(outcome, BaseException):
                one.outcome.set_exception(outcome)
            else:
                one.outcome.set_result(outcome)
