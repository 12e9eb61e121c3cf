"""What a workspace does not offer: remembered for a while, and not asked at every turn."""

import time
from collections import OrderedDict
from collections.abc import Callable

_SECONDS = 3600.0
_MOST = 50_000


class Refusals:
    """In memory; after an hour a workspace is asked again, since apps are changed."""

    def __init__(
        self, *, seconds: float = _SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, team: str, what: str) -> None:
        """Remember that the workspace refused `what` for good."""
        self._until[team, what] = self._clock() + self._seconds
        if len(self._until) > _MOST:
            self._until.popitem(last=False)

    def holds(self, team: str, what: str) -> bool:
        """Tell whether the workspace refused `what` lately."""
        return self._until.get((team, what), 0.0) > self._clock()
