"""Web chat's inbound half: a frame of an authenticated socket becomes a message. Pure."""

from uuid import UUID

from konstruct_channels.inbound import Refusal
from konstruct_channels.webchat import frames
from konstruct_messages.inbound import (
    Attachment,
    Chosen,
    Ignored,
    InboundKind,
    InboundMessage,
    Person,
)


def normalise(
    raw: str, *, person: Person, conversation_key: str
) -> InboundMessage | Ignored | Refusal:
    """Return the message that the text frame `raw` holds.

    Frames that say nothing to the agent (typing, stop, types not known here) are Ignored with the
    type as reason. Never raises.
    """
    frame = frames.parse(raw)
    match frame:
        case Ignored() | Refusal():
            return frame
        case frames.Message():
            return message(frame, person=person, conversation_key=conversation_key)
        case _:
            return Ignored(reason=frame.type)


def message(
    frame: frames.Message, *, person: Person, conversation_key: str
) -> InboundMessage | Refusal:
    """Return what `frame` says in the conversation.

    A client's id is deduplicated within its conversation, which belongs to one person: nobody can
    make another person's message look like a repeat. Files are known by their keys alone: whose
    they are, and what, is the store's to say.
    """
    if len(frame.text) > frames.LONGEST_TEXT:
        return Refusal(frames.TOO_LONG)
    files = tuple(Attachment(key=one.key) for one in frame.attachments or ())
    if not frame.text.strip() and not files:
        return Refusal(frames.EMPTY)
    return InboundMessage(
        conversation_key=conversation_key,
        dedupe_keys=(f"{conversation_key}/{frame.id}",),
        client_id=frame.id,
        person=person,
        text=frame.text,
        attachments=files,
    )


def choice(
    frame: frames.Choose, *, person: Person, conversation_key: str
) -> InboundMessage | Refusal:
    """Return the choice that `frame` makes; which words it stands for is the store's to say."""
    try:
        ask_id = UUID(frame.ask)
    except ValueError:
        return Refusal(frames.UNKNOWN_ASK)
    return InboundMessage(
        kind=InboundKind.CHOICE,
        conversation_key=conversation_key,
        dedupe_keys=(f"ask/{ask_id}",),
        client_id=f"{ask_id}:{frame.choice}"[:128],
        person=person,
        chosen=Chosen(ask_id=ask_id, key=frame.choice[:64]),
    )
