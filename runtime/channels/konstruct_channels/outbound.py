"""What every sending channel's outbound half offers; the gateway's sender drives it.

The module `outbound` of a channel has `open_outbound(api_url)`, an asynchronous context manager
that yields an Outbound; it is the only module of the channel that may use the vendor's library.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from konstruct_channels.inbound import Learnt
from konstruct_messages.replies import Choice


async def _forget(_vendor_id: str) -> None:
    return None


@dataclass(frozen=True)
class OutgoingFile:
    """A file on its way. `sha256` of its bytes is in hexadecimal.

    `read` returns the bytes, at each call anew. It raises SendLater while they cannot be had, and
    ContentRefused when they are gone for good.
    """

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    read: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Outgoing:
    """One part of a reply on its way. `delivery_id` is our own mark on it, the same at each try.

    `in_doubt`: an earlier attempt may have reached the vendor.
    `queued_at` is when it was recorded: nothing the vendor has of it is older. The agent's name
    and picture are shown where the channel can show them. With `choices` it is a question, and a
    click on one comes back as `ask_id` and the choice's key (`{ask_id}:{key}` fits one field of
    every vendor); a channel without buttons writes them below the text, numbered.

    With `file` the message is that one file, behind the texts of its reply and never with choices;
    `text` is then what is said in its place where the vendor does not take it: its name and a link
    to it that expires. A channel that sends no files may leave `file` alone and say `text`.
    `note` keeps an id that the vendor gave on the way, durably, before the step that people see;
    a later attempt finds it in `noted` and asks the vendor about it. It raises when another attempt
    has the delivery: `send` lets that pass.

    With `template` it is that approved template and no words of ours. `answers` is the vendor's id
    of the message that it answers, where others came since: a channel that can quote shows it.

    `drafted`: the vendor may show a message of it that began before it was recorded, under
    `draft_id` where that is known (see `live`); this message becomes the reply, and no other one
    appears. `shown`: that message shows all of `text` already. With `feedback_key` people are asked
    what they think of it, where the channel can ask; `language` is theirs (BCP 47, may be empty).
    """

    delivery_id: UUID
    conversation_key: str
    text: str
    attempt: int
    in_doubt: bool = False
    queued_at: datetime | None = None
    agent_name: str = ""
    avatar: Mapping[str, str] | None = None
    choices: tuple[Choice, ...] = ()
    ask_id: UUID | None = None
    template: Mapping[str, Any] | None = None
    answers: str = ""
    file: OutgoingFile | None = None
    noted: str = ""
    note: Callable[[str], Awaitable[None]] = _forget
    drafted: bool = False
    draft_id: str = ""
    shown: bool = False
    feedback_key: str = ""
    language: str = ""


class Outbound(Protocol):
    """Sends to one vendor. It remembers nothing between calls but the vendor's limits."""

    async def send(
        self, outgoing: Outgoing, *, config: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> str:
        """Hand the message to the vendor; return the vendor's id of it.

        Raises SendRefused, SendLater, SendUnclear or SendUnknown. When it is `in_doubt`, the
        channel asks the vendor whether an earlier attempt arrived, where the vendor can tell.
        """
        ...


@runtime_checkable
class Checked(Protocol):
    """An outbound half that can try credentials without sending anything."""

    async def check(self, *, config: Mapping[str, Any], credentials: Mapping[str, str]) -> Learnt:
        """Return the condition Authenticated; Unknown when the vendor could not be reached."""
        ...
