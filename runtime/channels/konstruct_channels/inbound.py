"""What every channel's inbound half is given and says; an inbound half is pure and never raises.

A channel that receives webhooks has a function `read(webhook, connection, *, now) -> Reading` and a
function `sign(body, credentials, *, now)` that returns the headers its vendor would send.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import UUID

from konstruct_channels.choosing import Click
from konstruct_messages.inbound import Ignored, InboundMessage, Person

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Refusal:
    """A frame that cannot be used. `code` is for programs; it names no content."""

    code: str


@dataclass(frozen=True)
class Webhook:
    """An HTTP request as it came. Header names are in lower case; repeated ones are joined."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True)
class Connection:
    """What an inbound half may know of the connection that a webhook names.

    `credentials` is empty while the Secret has not come; nothing can be verified then.
    """

    config: Mapping[str, Any]
    credentials: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    reply_when: str = ""


@dataclass(frozen=True)
class Handshake:
    """The vendor only wants to know whether somebody is here: answer exactly this."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Forged:
    """Nobody who knows the secret made this, or too long ago. `code` is for metrics.

    `handshake`: it only asked whether somebody is here, in words that are not the vendor's.
    """

    code: str
    handshake: bool = False


@dataclass(frozen=True)
class NotReady:
    """It cannot be told whether this is genuine: the vendor should come again."""

    code: str


class Standing(StrEnum):
    """What a person is to the workspace that the connection belongs to."""

    MEMBER = "Member"
    """One of its own, and everybody where the channel knows no difference."""
    GUEST = "Guest"
    """Let in by it, with less rights than its members."""
    STRANGER = "Stranger"
    """Of another company, in a conversation that both share."""
    UNKNOWN = "Unknown"
    """One of its own, and the delivery does not say whether a member or a guest."""


@dataclass(frozen=True)
class Arrived:
    """A message for the agent.

    `room` is the channel's own id of where it was said, for routes. `only_if_known`: it is meant
    for the agent only if the agent is part of the conversation already. `delivery_keys` name this
    delivery alone: should it be ignored, the message itself stays free to come another way.
    `addressed`: it was said to the agent, and not only where the agent listens. `aliases` are all
    the names of a person whom the channel knows by several, one of which is the message's person
    and conversation; `quotes` is the vendor's id of a message that this one answers, which has the
    key `message/{id}` where a person wrote it.
    `otherwise` is what a choice says where its question has been answered already.
    `click` is where a choice was clicked, in a channel whose buttons stay.
    """

    message: InboundMessage
    delivery_keys: tuple[str, ...] = ()
    room: str = ""
    only_if_known: bool = False
    standing: Standing = Standing.MEMBER
    addressed: bool = True
    aliases: tuple[str, ...] = ()
    quotes: str = ""
    otherwise: InboundMessage | None = None
    click: Click | None = None


@dataclass(frozen=True)
class Opened:
    """A person looks at the conversation with the agent in `room` and has written nothing yet."""

    person: Person
    room: str
    delivery_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """A person pressed the channel's own Stop.

    `conversation_keys` are the conversations that may be meant, the likeliest first.
    """

    person: Person
    conversation_keys: tuple[str, ...]
    delivery_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """What a person thinks of a turn's reply, in one of the conversations named."""

    person: Person
    conversation_keys: tuple[str, ...]
    turn_id: UUID
    value: Literal["up", "down"]
    delivery_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """A person pressed a button of an ask, in one of the conversations named.

    `otherwise` is what the person said by it where the ask is over or nobody's; None: nothing.
    `click` is where it was pressed, in a channel whose buttons stay.
    """

    person: Person
    conversation_keys: tuple[str, ...]
    ask_id: UUID
    choice: str
    delivery_keys: tuple[str, ...] = ()
    click: Click | None = None
    otherwise: Arrived | None = None


@dataclass(frozen=True)
class Moved:
    """A person whom the channel knew by one of the `former` names has these `names` now."""

    former: tuple[str, ...]
    names: tuple[str, ...]
    delivery_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Intervened:
    """Somebody of the business answered `person` in the vendor's own app: a human has it now.

    `vendor_id` is the vendor's id of that message, and `text` what it says; `aliases` are all the
    names of the person.
    """

    person: Person
    conversation_key: str
    text: str
    vendor_id: str
    delivery_keys: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Learnt:
    """Something about the connection itself, to become a condition; operators read `message`."""

    condition: Literal["Authenticated", "Receiving", "ChecksPassed"]
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


@dataclass(frozen=True)
class Charge:
    """Under what the vendor charges a message of ours; what it costs is in the customer's contract.

    `category` is the vendor's word in lower case; `billable`: it is charged at all.
    """

    category: str
    billable: bool


class FailureKind(StrEnum):
    """What it means that the vendor could not bring a message that it had taken."""

    REFUSED = "Refused"
    CONTENT = "Content"
    """For what it says; another message would go through."""
    CREDENTIALS = "Credentials"
    """Nothing of this connection goes through."""
    WINDOW = "Window"
    """It may go through once the person has written again."""
    LATER = "Later"
    """It may go through after a while."""


@dataclass(frozen=True)
class Failure:
    """Why a message did not arrive; `reason` is for an operator, with the next step."""

    kind: FailureKind
    reason: str
    after_seconds: float = 0.0


@dataclass(frozen=True)
class Receipt:
    """What the vendor says became of a message of ours, in whatever order it says so.

    `delivery_id` is our own mark where the vendor echoes it: it settles a delivery whose answer was
    lost. `failure` says what "failed" means.
    """

    vendor_id: str
    status: Literal["sent", "delivered", "read", "failed"]
    delivery_id: UUID | None = None
    failure: Failure | None = None
    charge: Charge | None = None


@dataclass(frozen=True)
class Delivered:
    """Genuine: everything that the webhook held, in its order."""

    items: tuple["Item", ...]


@dataclass(frozen=True)
class Addressed:
    """Genuine, for an app that many connections share: whose installation it is about.

    `claims` are the names under which a connection may claim the installation, the most particular
    first; the first that is claimed gets it. `about_itself`: it tells of the installation alone,
    and every connection that claims any of them is told.
    """

    claims: tuple[str, ...]
    about_itself: bool = False


Item = (
    Arrived | Opened | Stopped | Judged | Chosen | Moved | Intervened | Ignored | Learnt | Receipt
)
Reading = Delivered | Handshake | Forged | NotReady


class Inbound(Protocol):
    """A channel's inbound half, as the gateway calls it."""

    def read(self, webhook: Webhook, connection: Connection, *, now: datetime) -> Reading:
        """Verify the raw bytes, then say what they hold. Never raises."""
        ...

    def sign(
        self, body: bytes, credentials: Mapping[str, str], *, now: datetime
    ) -> Mapping[str, str]:
        """Return the headers with which the vendor vouches for `body`."""
        ...


@runtime_checkable
class SharedInbound(Protocol):
    """An inbound half whose vendor lets one app of the platform serve many connections."""

    def address(
        self, webhook: Webhook, credentials: Mapping[str, str], *, now: datetime
    ) -> Addressed | Reading:
        """Verify the raw bytes with the platform's own credentials; say whom they are for.

        A Reading is final: nobody's connection is asked. Never raises.
        """
        ...

    def claim(self, config: Mapping[str, Any]) -> str:
        """Return the installation of the shared app that a connection claims; empty: none."""
        ...


@runtime_checkable
class EnvelopeInbound(Protocol):
    """An inbound half whose vendor also delivers over a connection that we open."""

    def read_envelope(self, envelope: Mapping[str, Any], connection: Connection) -> Reading:
        """Say what one delivery holds; the connection itself is the proof. Never raises."""
        ...
