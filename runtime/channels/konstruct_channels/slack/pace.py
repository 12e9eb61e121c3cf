"""How fast a workspace may be talked to: one message a second per channel, and what a 429 said."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from konstruct_channels.errors import SendLater

SECONDS_PER_MESSAGE = 1.0
"""https://docs.slack.dev/apis/web-api/rate-limits: posting, one per second per channel."""

_LONGEST_WAIT = 3.0
_MOST_KEYS = 50_000


class Pace:
    """In memory, per process: across replicas Slack's 429 keeps the rest in order."""

    def __init__(
        self,
        *,
        seconds_per_message: float = SECONDS_PER_MESSAGE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._between = seconds_per_message
        self._clock = clock
        self._sleep = sleep
        self._free: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._held: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def take_turn(self, team: str, channel: str) -> None:
        """Wait until the channel may have another message. Raises SendLater when that is long."""
        key, now = (team, channel), self._clock()
        begins = max(now, self._free.pop(key, now))
        if begins - now > _LONGEST_WAIT:
            self._free[key] = begins
            raise SendLater("the channel gets one message a second", after_seconds=begins - now)
        self._free[key] = begins + self._between
        _forget(self._free)
        if begins > now:
            await self._sleep(begins - now)

    def hold_back(self, team: str, method: str, seconds: float) -> None:
        """Remember that the workspace may not be asked this for a while."""
        self._held[team, method] = self._clock() + seconds
        _forget(self._held)

    def held_back(self, team: str, method: str) -> float:
        """Return for how many seconds the workspace may not be asked this; 0 when it may."""
        return max(0.0, self._held.get((team, method), 0.0) - self._clock())


def _forget(kept: OrderedDict[tuple[str, str], float]) -> None:
    if len(kept) > _MOST_KEYS:
        kept.popitem(last=False)
