"""What goes out: reply parts, deliveries and what became of them."""

from enum import StrEnum
from types import MappingProxyType
from typing import Self

from pydantic import Field, model_validator

from konstruct_messages.inbound import Attachment, Frozen

MOST_CHOICES = 10
"""How many choices a question may offer: what a WhatsApp list and a row of buttons can show."""

LONGEST_LABEL = 75
"""Characters of a choice's label: what Slack puts on a button."""

MADE_TYPES = MappingProxyType(
    {
        "csv": "text/csv",
        "html": "text/html",
        "json": "application/json",
        "md": "text/markdown",
        "txt": "text/plain",
    }
)
"""The files that an agent may make: media types by the name's extension."""

LARGEST_MADE = 524_288
"""Bytes of a file that an agent makes, as UTF-8."""


class Choice(Frozen):
    """One answer that a question offers. `key` is for programs, `label` is what a person reads."""

    key: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    label: str = Field(min_length=1, max_length=LONGEST_LABEL)


class ReplyPart(Frozen):
    """One message of a reply, Markdown. A reply is 1..n parts, unique by (tenant, turn, part).

    With `choices` it is a question: the person answers by choosing one, or in words. `attachments`
    are files that its turn made, by our own ids; they come behind all texts.
    """

    part: int = Field(ge=0, le=63)
    text: str = Field(min_length=1, max_length=65_536)
    choices: tuple[Choice, ...] = Field(default=(), max_length=MOST_CHOICES)
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=10)

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        if len({choice.key for choice in self.choices}) < len(self.choices):
            raise ValueError("Two choices have the same key.")
        return self


class DeliveryState(StrEnum):
    """Where a delivery is. Unknown: the provider may or may not have it; shown, replayable.

    Drafting: the provider may show it while its turn is still at work. Held: the provider takes
    words of ours only once the person has written again.
    """

    DRAFTING = "Drafting"
    QUEUED = "Queued"
    SENDING = "Sending"
    HELD = "Held"
    SENT = "Sent"
    REFUSED = "Refused"
    UNKNOWN = "Unknown"
    WITHHELD = "Withheld"


class LogKind(StrEnum):
    """What an entry of a conversation's log is; web chat's sockets read the log."""

    SAID = "Said"
    REPLY = "Reply"
    NOTICE = "Notice"
    ASK = "Ask"
    MARKER = "Marker"


class NoticeCode(StrEnum):
    """Why a person is told something that is not an answer."""

    APOLOGY = "Apology"
    LATER = "Later"
    STOPPED = "Stopped"
    SUSPENDED = "Suspended"
    HELP = "Help"
    STARTED_OVER = "StartedOver"
    NOTHING_TO_STOP = "NothingToStop"
    HUMAN = "Human"
    REFUSED = "Refused"
    CHOICE_EXPIRED = "ChoiceExpired"
    CHOICE_TAKEN = "ChoiceTaken"
    UNDELIVERED = "Undelivered"
    REOPENED = "Reopened"
    EXPIRED = "Expired"


class Delta(Frozen):
    """A piece of a reply in the making. `offset` counts characters; a higher attempt clears."""

    attempt: int = Field(ge=1)
    offset: int = Field(ge=0)
    text: str
