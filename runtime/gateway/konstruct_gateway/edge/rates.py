"""How often one caller may do one thing, and how much it may hold. In memory, per replica."""

import time
from collections.abc import Callable

from konstruct_channels.buckets import Buckets, Rate


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
        self._rate = Rate(burst, per_second)
        self._buckets = Buckets(keys=keys, clock=clock)

    def take(self, key: str) -> bool:
        """Take one token of `key`; False when there is none."""
        return self._buckets.take(key, self._rate) == 0


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
