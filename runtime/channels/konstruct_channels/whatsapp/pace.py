"""How fast one number may talk: to one person, and to all together.

One message in six seconds to one person, with bursts of up to 45 that are paid back; 80 messages a
second for the whole number at first.
https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
"""

import time
from collections.abc import Callable

from konstruct_channels.buckets import Buckets, Rate
from konstruct_channels.errors import SendLater

SECONDS_PER_MESSAGE = 6.0
BURST = 40
"""Meta's is 45: a few are left to what another replica sends."""
PER_SECOND = 80.0


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
        self._person = Rate(burst, 1 / seconds_per_message)
        self._number = Rate(per_second, per_second)
        self._buckets = Buckets(clock=clock)

    def take_turn(self, number: str, person: str) -> None:
        """Count one message to a person. Raises SendLater when it must wait; then none is."""
        pair, whole = (number, person), (number, "")
        wait = self._buckets.wait(pair, self._person)
        if wait > 0:
            raise SendLater("131056: one person gets a message in 6 s", after_seconds=wait)
        wait = self._buckets.take(whole, self._number)
        if wait > 0:
            raise SendLater("130429: the number is at its limit", after_seconds=wait)
        self._buckets.spend(pair)
