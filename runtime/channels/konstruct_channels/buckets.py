"""Token buckets by key: how often something may be done. In memory, per process."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """As many tokens as a full bucket holds, and how many come back in a second."""

    burst: float
    per_second: float


class Buckets:
    """One bucket per key, full at first.

    At most `keys` buckets are kept; the longest unused is forgotten, which only ever favours
    whoever asks. `clock` returns monotonic seconds.
    """

    def __init__(self, *, keys: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, key: Hashable, rate: Rate, *, needed: float = 1.0) -> float:
        """Return after how many seconds `key` holds `needed` tokens, 0 when it does.

        A `needed` above the burst is never there. Nothing is taken.
        """
        left = self._refill(key, rate)
        return 0.0 if left >= needed else (needed - left) / rate.per_second

    def take(self, key: Hashable, rate: Rate, *, needed: float = 1.0) -> float:
        """Take one token and return 0 when `key` holds `needed`; else take none, as `wait`."""
        wait = self.wait(key, rate, needed=needed)
        if wait == 0:
            self.spend(key)
        return wait

    def spend(self, key: Hashable) -> None:
        """Take one token of a key for which `wait` has just returned 0."""
        left, at = self._left[key]
        self._left[key] = (left - 1, at)

    def _refill(self, key: Hashable, rate: Rate) -> float:
        now = self._clock()
        left, at = self._left.pop(key, (rate.burst, now))
        left = min(rate.burst, left + (now - at) * rate.per_second)
        self._left[key] = (left, now)
        if len(self._left) > self._keys:
            self._left.popitem(last=False)
        return left
