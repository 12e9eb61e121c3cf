"""Where a program can be killed: at each boundary that its bytes cross, on either side of it.

Proxies tell a trap what passes. While it is armed for a point, whoever gets there is killed before
anything is passed on.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, order=True)
class Point:
    """A side of a boundary: on `hop`, where `label` passes for the `nth` time.

    `before`: it was not passed on to the far side. `after`: the far side has answered, and nobody
    was told.
    """

    hop: str
    label: str
    side: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.side} {self.hop} {self.label} #{self.nth}"


class Sprung(Exception):
    """The trap closed: nothing more passes on this connection."""


class Trap:
    """Armed for one point at a time; `kill` ends the program that is to die there."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str, str]] = Counter()
        self.sprung = asyncio.Event()
        self._point: Point | None = None
        self._kill: Callable[[], Awaitable[None]] | None = None
        self._passed = 0
        self._killing: asyncio.Future[None] | None = None

    def arm(self, point: Point, kill: Callable[[], Awaitable[None]]) -> None:
        """Wait for the next passage of `point`."""
        self._point, self._kill, self._passed = point, kill, 0
        self.sprung.clear()

    def disarm(self) -> None:
        """Let everything pass again."""
        self._point = self._kill = None

    def awaits(self, hop: str, label: str = "") -> bool:
        """Tell whether it is armed for a point on this hop (with this label)."""
        point = self._point
        return point is not None and point.hop == hop and label in {"", point.label}

    async def passes(self, hop: str, label: str, side: str) -> None:
        """Note that something passes. Raises Sprung after killing, where the trap is armed."""
        self.seen[hop, label, side] += 1
        point, kill = self._point, self._kill
        if (
            point is None
            or kill is None
            or (point.hop, point.label, point.side)
            != (
                hop,
                label,
                side,
            )
        ):
            return
        self._passed += 1
        if self._passed < point.nth:
            return
        self.disarm()
        # The dying program's connections end whoever waits here: the killing goes on by itself.
        self._killing = asyncio.ensure_future(self._spring(kill))
        await asyncio.shield(self._killing)
        raise Sprung(str(point))

    async def _spring(self, kill: Callable[[], Awaitable[None]]) -> None:
        await kill()
        self.sprung.set()
