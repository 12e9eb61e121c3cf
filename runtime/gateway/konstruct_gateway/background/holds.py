"""Connections that are sent nothing for a while, because their vendor said so or is not there."""

import time
from collections.abc import Callable
from uuid import UUID


class Holds:
    """In memory, per replica: what another replica does not know costs it one refused call."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[UUID, float] = {}

    def hold_back(self, connection_id: UUID, seconds: float) -> None:
        """Send nothing over a connection for `seconds`; a longer hold stays."""
        until = self._clock() + seconds
        self._until[connection_id] = max(until, self._until.get(connection_id, until))

    def held_back(self) -> list[UUID]:
        """Return the connections that are held back now."""
        now = self._clock()
        self._until = {one: until for one, until in self._until.items() if until > now}
        return list(self._until)
