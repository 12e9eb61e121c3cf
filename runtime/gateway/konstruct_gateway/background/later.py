"""After a minute without a reply the person is told that it comes later. Nothing is cancelled."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Expected:
    """An answer that is waited for: to the message at `seq`. `sends`: a vendor carries it."""

    tenant_id: UUID
    conversation_id: UUID
    seq: int
    languages: tuple[str, ...]
    sends: bool = False


class Later:
    """Which conversations wait for an answer, oldest first; one timer for all."""

    def __init__(self, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._expected: OrderedDict[UUID, tuple[float, Expected]] = OrderedDict()

    def expect(self, expected: Expected) -> None:
        """Begin to wait for an answer; a wait that runs already goes on."""
        if expected.conversation_id not in self._expected:
            due = self._clock() + self._seconds
            self._expected[expected.conversation_id] = (due, expected)

    def answered(self, conversation_id: UUID) -> None:
        """End a wait: the answer came."""
        self._expected.pop(conversation_id, None)

    def take_due(self) -> list[Expected]:
        """Return the waits that have lasted too long, and forget them."""
        now, due = self._clock(), []
        while self._expected:
            conversation_id, (at, expected) = next(iter(self._expected.items()))
            if at > now:
                break
            del self._expected[conversation_id]
            due.append(expected)
        return due
