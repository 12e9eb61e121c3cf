"""What is posted to `/{phone number id}/messages`: pure.

Shapes and limits: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from konstruct_channels.whatsapp.addresses import address_of
from konstruct_messages.replies import Choice

LONGEST_TEXT = 4096
LONGEST_BODY = 1024
"""An interactive message's own text."""
LONGEST_CAPTION = 1024
MOST_BUTTONS, LONGEST_BUTTON = 3, 20
MOST_ROWS, LONGEST_ROW, LONGEST_DESCRIPTION = 10, 24, 72
LONGEST_FILE_NAME = 240

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

Body = dict[str, Any]


def text(conversation_key: str, said: str, *, mark: UUID) -> Body:
    """Return a text; its first link is shown with a preview."""
    content = {"body": said, "preview_url": _ADDRESS.search(said) is not None}
    return _message(conversation_key, "text", content, mark)


def question(
    conversation_key: str,
    said: str,
    choices: Sequence[Choice],
    ask_id: UUID,
    *,
    mark: UUID,
    choose: str,
) -> Body | None:
    """Return a question with buttons, or a list behind the button `choose`.

    None: the channel cannot show it so, and the choices are written below the text.
    """
    if len(said) > LONGEST_BODY or not said.strip():
        return None
    if len(choices) <= MOST_BUTTONS and all(len(one.label) <= LONGEST_BUTTON for one in choices):
        buttons = [
            {"type": "reply", "reply": {"id": f"{ask_id}:{one.key}", "title": one.label}}
            for one in choices
        ]
        action: Body = {"buttons": buttons}
        kind = "button"
    elif len(choices) <= MOST_ROWS and all(_fits_a_row(one.label) for one in choices):
        action = {
            "button": choose[:LONGEST_BUTTON],
            "sections": [{"rows": [_row(ask_id, one) for one in choices]}],
        }
        kind = "list"
    else:
        return None
    titles = [one.label for one in choices]
    if len({title[:LONGEST_ROW] for title in titles}) < len(titles):
        return None
    content = {"type": kind, "body": {"text": said}, "action": action}
    return _message(conversation_key, "interactive", content, mark)


def numbered(said: str, choices: Sequence[Choice]) -> str:
    """Return a question whose choices are written below its text."""
    lines = [f"{number}. {one.label}" for number, one in enumerate(choices, 1)]
    return "\n".join([said, "", *lines])


def file(
    conversation_key: str, media_id: str, *, kind: str, name: str, caption: str, mark: UUID
) -> Body:
    """Return an uploaded file. `kind` is image, video, audio or document."""
    content: Body = {"id": media_id}
    if caption and kind != "audio":
        content["caption"] = caption[:LONGEST_CAPTION]
    if kind == "document" and name:
        content["filename"] = name[:LONGEST_FILE_NAME]
    return _message(conversation_key, kind, content, mark)


def template(conversation_key: str, content: Mapping[str, Any], *, mark: UUID) -> Body:
    """Return an approved template, as the connection names it."""
    return _message(conversation_key, "template", dict(content), mark)


def typing(message_id: str) -> Body:
    """Return what marks a message as read and shows for 25 seconds that somebody types."""
    return {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": message_id,
        "typing_indicator": {"type": "text"},
    }


def quoting(body: Body, message_id: str) -> Body:
    """Return a body that is shown as the answer to a message."""
    return body | ({"context": {"message_id": message_id}} if message_id else {})


def _message(conversation_key: str, kind: str, content: Body, mark: UUID) -> Body:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **address_of(conversation_key),
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": str(mark),
    }


def _fits_a_row(label: str) -> bool:
    return len(label) <= LONGEST_ROW + LONGEST_DESCRIPTION


def _row(ask_id: UUID, choice: Choice) -> Body:
    row = {"id": f"{ask_id}:{choice.key}", "title": choice.label[:LONGEST_ROW]}
    if len(choice.label) > LONGEST_ROW:
        row["description"] = choice.label[:LONGEST_DESCRIPTION]
    return row
