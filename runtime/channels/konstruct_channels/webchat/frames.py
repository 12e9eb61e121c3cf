"""What a browser may say on the socket: one JSON object per text frame, told apart by `type`.

Unknown fields and unknown types are ignored, so that a newer page can talk to an older gateway.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import pydantic_core
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from konstruct_channels.inbound import Refusal
from konstruct_channels.webchat.spec import SPEC
from konstruct_messages.inbound import Ignored

LARGEST_FRAME = SPEC.limits.inbound_body_bytes
LONGEST_TEXT = SPEC.limits.inbound_text_characters

MALFORMED = "malformed"
TOO_LARGE = "too_large"
BAD_FIELD = "bad_field"
EMPTY = "empty"
TOO_LONG = "too_long"
BAD_FILE = "bad_file"
UNKNOWN_ASK = "unknown_ask"

MOST_FILES = 10
"""Files of one message."""

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character, which cannot be stored")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_storable)]
Conversation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Auth(_Frame):
    """Always first: who speaks, in which conversation, and the last `seq` already seen."""

    type: Literal["auth"]
    ticket: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    conversation: Conversation | None = None
    after: Annotated[int, Field(ge=0, le=2**53)] | None = None


class File(_Frame):
    """An uploaded file, by the key that its upload was answered with."""

    key: Annotated[str, StringConstraints(pattern=_UUID)]


class Message(_Frame):
    """Something said. `id` is the client's own: the same id is stored once."""

    type: Literal["message"]
    id: Name
    text: Annotated[str, AfterValidator(_storable)] = ""
    attachments: Annotated[list[File], Field(max_length=MOST_FILES)] | None = None


class Typing(_Frame):
    """The person is writing."""

    type: Literal["typing"]


class Choose(_Frame):
    """An answer to an `ask`."""

    type: Literal["choose"]
    ask: Name
    choice: Name


class Stop(_Frame):
    """The person does not want the rest of this turn."""

    type: Literal["stop"]
    turn: Name


class Feedback(_Frame):
    """What the person thinks of a turn's reply."""

    type: Literal["feedback"]
    turn: Name
    value: Annotated[str, StringConstraints(min_length=1, max_length=64)]


Frame = Auth | Message | Typing | Choose | Stop | Feedback

_FRAMES: Mapping[str, type[Frame]] = MappingProxyType(
    {
        "auth": Auth,
        "message": Message,
        "typing": Typing,
        "choose": Choose,
        "stop": Stop,
        "feedback": Feedback,
    }
)


def parse(raw: str) -> Frame | Ignored | Refusal:
    """Return the frame that `raw` holds, Ignored for types not known here, or why it is refused.

    Never raises, whatever `raw` is.
    """
    if len(raw) > LARGEST_FRAME:
        return Refusal(TOO_LARGE)
    try:
        content = pydantic_core.from_json(raw, allow_inf_nan=False)
    except (ValueError, TypeError):  # TypeError: a lone surrogate is no text
        return Refusal(MALFORMED)
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        return Refusal(MALFORMED)
    model = _FRAMES.get(content["type"])
    if model is None:
        return Ignored(reason="unknown_frame", known=False)
    try:
        return model.model_validate(content)
    except ValidationError:
        return Refusal(BAD_FIELD)
