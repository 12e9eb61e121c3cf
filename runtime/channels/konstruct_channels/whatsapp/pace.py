"""How fast one number may talk: to one person, and to all together.

One message in six seconds to one person, with bursts of up to 45 that are paid back; 80 messages a
second for the whole number at first.
https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from konstruct_channels.errors import SendLater

SECONDS_PER_MESSAGE = 6.0
BURST = 40
"""Meta's is 45: a few are left to what another replica sends."""
PER_SECOND = 80.0

_MOST_KEYS = 50_000
_Key = tuple[str, str]


class Pace:
    """In memory, per process: across replicas Meta's own refusals keep the rest in order."""

    def __init__(
        self,
        *,
        seconds_per_message: float = SECONDS_PER_MESSAGE,
        burst: int = BURST,
        per_second: float = PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._between = seconds_per_message
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left: OrderedDict[_Key, tuple[float, float]] = OrderedDict()

    def take_turn(self, number: str, person: str) -> None:
        """Count one message to a person. Raises SendLater when it must wait; then none is."""
        pair, whole = (number, person), (number, "")
        wait = self._wait(pair, self._burst, 1 / self._between)
        if wait > 0:
            raise SendLater("131056: one person gets a message in 6 s", after_seconds=wait)
        wait = self._wait(whole, self._per_second, self._per_second)
        if wait > 0:
            raise SendLater("130429: the number is at its limit", after_seconds=wait)
        self._spend(pair)
        self._spend(whole)

    def _wait(self, key: _Key, most: float, per_second: float) -> float:
        now = self._clock()
        left, at = self._left.pop(key, (float(most), now))
        left = min(float(most), left + (now - at) * per_second)
        self._left[key] = (left, now)
        if len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / per_second

    def _spend(self, key: _Key) -> None:
        left, at = self._left[key]
        self._left[key] = (left - 1, at)
