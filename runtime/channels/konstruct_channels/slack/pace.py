"""How fast a workspace may be talked to: Slack's tiers per method, one message a second per
channel, and what a 429 said. All conversations of a workspace share it.

https://docs.slack.dev/apis/web-api/rate-limits
"""  # noqa: D205 - one sentence

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from konstruct_channels.buckets import Buckets, Rate
from konstruct_channels.errors import SendLater

SECONDS_PER_MESSAGE = 1.0
"""Posting: one message per second per channel."""

CALLS_PER_MINUTE: Mapping[str, int] = MappingProxyType(
    {
        "agents.sessions.setStatus": 50,
        "assistant.threads.setStatus": 600,
        "assistant.threads.setSuggestedPrompts": 50,
        "chat.appendStream": 100,
        "chat.delete": 50,
        "chat.startStream": 20,
        "chat.stopStream": 20,
        "chat.update": 50,
    }
)
"""The tiers of the methods that are called while people watch."""

_LONGEST_WAIT = 3.0
_MOST_KEYS = 50_000
_Key = tuple[str, str]


class Pace:
    """In memory, per process: across replicas Slack's 429 keeps the rest in order."""

    def __init__(
        self,
        *,
        seconds_per_message: float = SECONDS_PER_MESSAGE,
        calls_per_minute: Mapping[str, int] = CALLS_PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._between = seconds_per_message
        self._tiers = {name: Rate(most, most / 60) for name, most in calls_per_minute.items()}
        self._clock = clock
        self._sleep = sleep
        self._free: OrderedDict[_Key, float] = OrderedDict()
        self._held: OrderedDict[_Key, float] = OrderedDict()
        self._calls = Buckets(clock=clock)

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

    def spend(self, team: str, method: str, *, spare: float = 0.0) -> float:
        """Take one call of a method's tier and return 0, or return after how long there is one.

        `spare` is the share of the tier (0..1) that is left to calls that matter more.
        """
        tier = self._tiers.get(method)
        if tier is None:
            return 0.0
        return self._calls.take((team, method), tier, needed=1 + spare * tier.burst)

    def hold_back(self, team: str, method: str, seconds: float) -> None:
        """Remember that the workspace may not be asked this for a while."""
        self._held[team, method] = self._clock() + seconds
        _forget(self._held)

    def held_back(self, team: str, method: str) -> float:
        """Return for how many seconds the workspace may not be asked this; 0 when it may."""
        return max(0.0, self._held.get((team, method), 0.0) - self._clock())


def _forget(kept: OrderedDict[_Key, float]) -> None:
    if len(kept) > _MOST_KEYS:
        kept.popitem(last=False)
