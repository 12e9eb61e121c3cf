"""Circuit breakers and the retry budget: pure, the clock is given.

A deployment leaves the rotation at the third failure among its last five calls, at once when its
provider says when to come back or refuses the key, and comes back through one probe at a time.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum

Clock = Callable[[], float]

_FAILURES = 3
_OUTCOMES = 5
_FIRST_REST_SECONDS = 5.0
_LONGEST_REST_SECONDS = 60.0


class CircuitState(StrEnum):
    """Closed lets calls through; open none; half-open one probe at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The breaker of one deployment under one key. `clock` returns monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outcomes: deque[bool] = deque(maxlen=_OUTCOMES)
        self._open_until: float | None = None
        self._rest = _FIRST_REST_SECONDS
        self._probing_until = 0.0

    @property
    def state(self) -> CircuitState:
        """The state at this moment."""
        if self._open_until is None:
            return CircuitState.CLOSED
        if self._clock() < self._open_until:
            return CircuitState.OPEN
        return CircuitState.HALF_OPEN

    def opens_in(self) -> float:
        """Return after how many seconds a call may be tried; 0: now."""
        now = self._clock()
        if self._open_until is None:
            return 0.0
        return max(0.0, self._open_until - now, self._probing_until - now)

    def admit(self, longest_seconds: float) -> bool:
        """Tell whether a call may go ahead; in half-open it becomes the probe.

        A probe that reports nothing for `longest_seconds` no longer keeps others away.
        """
        if self.state is CircuitState.CLOSED:
            return True
        now = self._clock()
        if self.state is CircuitState.OPEN or now < self._probing_until:
            return False
        self._probing_until = now + longest_seconds
        return True

    def succeeded(self) -> None:
        """Record an answer."""
        self._outcomes.append(True)
        if self._open_until is not None:
            self._outcomes.clear()
        self._open_until = None
        self._probing_until = 0.0
        self._rest = _FIRST_REST_SECONDS

    def failed(self, *, rest_seconds: float = 0.0) -> None:
        """Record a failure; `rest_seconds` > 0 opens at once, for at most a minute."""
        half_open = self._open_until is not None
        self._outcomes.append(False)
        self._probing_until = 0.0
        if rest_seconds <= 0 and not half_open and self._outcomes.count(False) < _FAILURES:
            return
        rest = rest_seconds if rest_seconds > 0 else self._rest
        self._open_until = self._clock() + min(rest, _LONGEST_REST_SECONDS)
        self._rest = min(self._rest * 2, _LONGEST_REST_SECONDS)
        self._outcomes.clear()

    def abandoned(self) -> None:
        """Record that a call ended without a verdict on the deployment (its caller went away)."""
        self._probing_until = 0.0


class RetryBudget:
    """Retries may add at most `ratio` of all calls, after a small first allowance.

    The scheme is gRPC's retry throttling (gRFC A6): calls earn, retries spend.
    """

    def __init__(self, *, ratio: float = 0.15, allowance: float = 3.0) -> None:
        self._ratio = ratio
        self._limit = allowance
        self._tokens = allowance

    def earn(self) -> None:
        """Record a first attempt."""
        self._tokens = min(self._limit, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Tell whether a retry may be made, and count it."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
