"""Token buckets by key: how often one caller may do one thing. In memory, per replica."""

import time
from collections import OrderedDict
from collections.abc import Callable


class Rates:
    """Buckets of `burst` tokens that refill at `per_second`, one per key.

    At most `keys` buckets are kept; the longest unused is forgotten, which only ever favours the
    caller. `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        *,
        per_second: float,
        burst: int,
        keys: int = 50_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take one token of `key`; False when there is none."""
        now = self._clock()
        tokens, at = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return allowed


class Counts:
    """How much of something each key holds at present, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}

    def take(self, key: str) -> bool:
        """Hold one more for `key`; False when it has as many as it may."""
        held = self._held.get(key, 0)
        if held >= self._most:
            return False
        self._held[key] = held + 1
        return True

    def give(self, key: str) -> None:
        """Let go of one that `take` allowed."""
        held = self._held.get(key, 0) - 1
        if held > 0:
            self._held[key] = held
        else:
            self._held.pop(key, None)
