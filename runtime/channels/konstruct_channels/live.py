"""What a sending channel may offer beside sending: drafts, and signs of work.

All of it is best effort. A draft is one message that grows while a turn is at work; the recorded
reply takes its place (`Outgoing.drafted`), so a person sees exactly one message in the end. Whoever
drives this commits the draft's row first, calls `begin`, and notes the id that comes back.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

HOLD_SECONDS = 6.0
"""A call that begins or replaces a draft is surely over after this long."""


@dataclass(frozen=True)
class Draft:
    """A reply in the making. `delivery_id` and `queued_at` are those of its later delivery."""

    delivery_id: UUID
    conversation_key: str
    person_key: str
    queued_at: datetime
    agent_name: str = ""
    avatar: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Doing:
    """A step of the work in words a person understands."""

    text: str
    done: bool = False


@dataclass(frozen=True)
class Progress:
    """What a turn has come to: its present text (Markdown; it may begin anew) and its steps.

    `ended`: nothing more comes, and `text` is complete as far as anybody here knows.
    """

    text: str = ""
    doing: tuple[Doing, ...] = ()
    ended: bool = False


class DraftWriter(Protocol):
    """Writes one draft; used by one task at a time."""

    async def begin(self, progress: Progress) -> str:
        """Show the beginning; return the vendor's id of the draft.

        Raises SendUnclear when the vendor may show it all the same, and SendRefused or SendLater
        when it certainly does not.
        """
        ...

    async def resume(self, vendor_id: str) -> str:
        """Go on with a draft that somebody else began; return its id, empty where there is none.

        With an empty `vendor_id` the vendor is asked. Raises ChannelError when it does not tell.
        """
        ...

    async def show(self, progress: Progress, *, hold: Callable[[], Awaitable[bool]]) -> float:
        """Bring the draft closer to `progress`, as far as the vendor's limits let.

        `hold` is awaited before a call that would undo the recorded reply if it came late; such a
        call is left out when it says no, and takes at most HOLD_SECONDS. Returns after how many
        seconds to call again. Raises ChannelError; a SendRefused says that this draft can be
        written no more.
        """
        ...

    @property
    def shows_all(self) -> bool:
        """Whether people see exactly the text of the last progress, finished as it stands."""
        ...


@runtime_checkable
class Live(Protocol):
    """An outbound half that can show a reply while it is made."""

    def write(
        self, draft: Draft, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> DraftWriter:
        """Return a writer of the draft. Calls nothing yet."""
        ...


class Sign(StrEnum):
    """What people see beside a conversation."""

    WORKING = "Working"
    IDLE = "Idle"


@dataclass(frozen=True)
class Place:
    """Where a sign is shown. `message_key` is the vendor's id of the message that is answered."""

    conversation_key: str
    person_key: str
    message_key: str = ""
    agent_name: str = ""
    avatar: Mapping[str, str] | None = None


@runtime_checkable
class Signs(Protocol):
    """An outbound half that can say that somebody works on a conversation."""

    sign_seconds: float
    """For how long a sign lasts by itself; it is shown again before that."""

    async def sign(
        self,
        place: Place,
        sign: Sign,
        words: str,
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, str],
    ) -> None:
        """Show `sign`; `words` are the step at hand, where the channel can show words.

        Raises nothing but bugs: a sign that cannot be shown is left out.
        """
        ...
