"""What a channel makes of a webhook or a frame: one normalised message, or why it is ignored."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from konstruct_messages.names import safe_name


class Frozen(BaseModel):
    """A value: immutable, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(Frozen):
    """Somebody who writes. `key` is the channel's own stable name for the person."""

    key: str = Field(min_length=1, max_length=256)
    display_name: str = Field(default="", max_length=128)
    language: str = Field(default="", max_length=35, description="BCP 47; empty where unknown")


class Attachment(Frozen):
    """A file a person sent, by reference; the bytes are never in a message.

    `key` is the channel's own reference where a message comes from, and our own id from its receipt
    on. The name is made harmless: pages, headers and prompts show it.
    """

    key: str = Field(min_length=1, max_length=512)
    name: str = Field(default="", max_length=255)
    media_type: str = Field(default="application/octet-stream", max_length=127)
    size_bytes: int | None = Field(default=None, ge=0)

    @field_validator("name")
    @classmethod
    def _harmless(cls, name: str) -> str:
        return safe_name(name, fallback="")


class InboundKind(StrEnum):
    """What an item is. System items are made by Konstruct and never merged with others."""

    MESSAGE = "Message"
    CHOICE = "Choice"
    SYSTEM = "System"


class Command(StrEnum):
    """What a person may ask of Konstruct itself, in every channel."""

    HELP = "Help"
    START_OVER = "StartOver"
    STOP = "Stop"
    HUMAN = "Human"


class Chosen(Frozen):
    """Which choice of which question an item of kind Choice is."""

    ask_id: UUID
    key: str = Field(min_length=1, max_length=64)


class InboundMessage(Frozen):
    """One message as every channel delivers it.

    `conversation_key` is the channel's address of the conversation and `dedupe_keys` are all the
    names under which the same message may come again; both are scoped to the connection.
    `client_id` is the id its sender gave it, echoed in acknowledgements.
    `command` is set where the whole text asks for something that Konstruct does itself, and
    `chosen` where the text is the label of a choice.
    """

    kind: InboundKind = InboundKind.MESSAGE
    conversation_key: str = Field(min_length=1, max_length=256)
    dedupe_keys: tuple[str, ...] = Field(min_length=1, max_length=8)
    client_id: str = Field(default="", max_length=128)
    person: Person
    text: str = Field(default="", max_length=65_536)
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=32)
    sent_at: datetime | None = None
    command: Command | None = None
    chosen: Chosen | None = None


class Ignored(Frozen):
    """A delivery that is genuine and needs no answer. `known` is false for kinds never seen."""

    reason: str = Field(min_length=1, max_length=64)
    dedupe_keys: tuple[str, ...] = ()
    known: bool = True
