"""What goes out: reply parts, deliveries and what became of them."""

from enum import StrEnum

from pydantic import Field

from konstruct_messages.inbound import Frozen


class ReplyPart(Frozen):
    """One message of a reply, Markdown. A reply is 1..n parts, unique by (tenant, turn, part)."""

    part: int = Field(ge=0, le=63)
    text: str = Field(min_length=1, max_length=65_536)


class DeliveryState(StrEnum):
    """Where a delivery is. Unknown: the provider may or may not have it; shown, replayable."""

    QUEUED = "Queued"
    SENDING = "Sending"
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


class Delta(Frozen):
    """A piece of a reply in the making. `offset` counts characters; a higher attempt clears."""

    attempt: int = Field(ge=1)
    offset: int = Field(ge=0)
    text: str
