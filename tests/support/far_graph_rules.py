"""What the Graph API takes of a WhatsApp message and what not: shapes, lengths, types. Pure.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages
"""

import re
from typing import Any

Document = dict[str, Any]

KINDS = {
    "image": ({"image/jpeg", "image/png"}, 5 * 2**20),
    "audio": ({"audio/aac", "audio/amr", "audio/mp4", "audio/mpeg", "audio/ogg"}, 16 * 2**20),
    "video": ({"video/mp4", "video/3gpp"}, 16 * 2**20),
    "document": (
        {
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        },
        100 * 2**20,
    ),
}
"""Media types and the most bytes by kind of message."""

_TO = re.compile(r"\+?[0-9]{5,20}")
_RECIPIENT = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,128}")
_TOP = {
    *("messaging_product", "recipient_type", "to", "recipient", "type", "context"),
    "biz_opaque_callback_data",
}


def wrong_message(body: Document) -> str:
    """Return why a message is not taken; empty when it is."""
    kind = body.get("type", "text")
    if body.get("messaging_product") != "whatsapp":
        return "messaging_product"
    if set(body) - _TOP - {kind}:
        return f"unknown fields {sorted(set(body) - _TOP - {kind})}"
    mark = body.get("biz_opaque_callback_data", "")
    if not isinstance(mark, str) or len(mark) > 512:
        return "biz_opaque_callback_data"
    context = body.get("context", {"message_id": "wamid."})
    if set(context) != {"message_id"} or not str(context["message_id"]).startswith("wamid."):
        return "context"
    content = body.get(kind)
    wrong = _wrong_content(kind, content) if isinstance(content, dict) else kind
    return wrong or _wrong_reader(body)


def wrong_media(kind: str, media_type: str, size: int) -> str:
    """Return why an uploaded file cannot be sent as `kind`; empty when it can."""
    types, most = KINDS[kind]
    if media_type not in types:
        return f"{media_type} is no {kind}"
    return f"{size} bytes" if not 0 < size <= most else ""


def words_of(body: Document) -> str:
    """Return the text that a person reads in a message."""
    content = body[body["type"]]
    match body["type"]:
        case "text":
            return str(content["body"])
        case "interactive":
            return str(content["body"]["text"])
        case "template":
            return f"[template {content['name']}]"
        case _:
            return str(content.get("caption", ""))


def _wrong_reader(body: Document) -> str:
    to, recipient = body.get("to"), body.get("recipient")
    if bool(to) == bool(recipient):
        return "one of to and recipient"
    if to:
        return "" if isinstance(to, str) and _TO.fullmatch(to) else "to"
    return "" if isinstance(recipient, str) and _RECIPIENT.fullmatch(recipient) else "recipient"


def _wrong_content(kind: str, content: Document) -> str:
    match kind:
        case "text":
            said = content.get("body")
            right = isinstance(said, str) and 0 < len(said) <= 4096 and said.strip()
            extra = set(content) - {"body", "preview_url"}
            return "" if right and not extra else "text.body"
        case "interactive":
            return _wrong_interactive(content)
        case "template":
            named = isinstance(content.get("name"), str) and content["name"]
            return "" if named and content.get("language", {}).get("code") else "template"
        case "image" | "video" | "audio" | "document":
            named = len(content.get("filename", "")) <= 240
            captioned = len(content.get("caption", "")) <= (0 if kind == "audio" else 1024)
            return "" if named and captioned and isinstance(content.get("id"), str) else kind
        case _:
            return kind


def _wrong_interactive(content: Document) -> str:
    said = content.get("body", {}).get("text", "")
    if not 0 < len(said) <= 1024:
        return "interactive.body"
    action = content.get("action", {})
    if content.get("type") == "button":
        buttons = [one["reply"] for one in action.get("buttons", []) if one["type"] == "reply"]
        right = 1 <= len(buttons) <= 3 and all(_right(one, title=20, key=256) for one in buttons)
        alike = len({one["title"] for one in buttons}) < len(buttons)
        return "" if right and not alike else "interactive.buttons"
    if content.get("type") == "list":
        sections = action.get("sections", [])
        rows = [row for section in sections for row in section.get("rows", [])]
        right = 1 <= len(rows) <= 10 and all(_right(one, title=24, key=200) for one in rows)
        right = right and all(len(one.get("description", "")) <= 72 for one in rows)
        named = 0 < len(action.get("button", "")) <= 20
        return "" if right and named and 1 <= len(sections) <= 10 else "interactive.rows"
    return "interactive.type"


def _right(entry: Document, *, title: int, key: int) -> bool:
    return 0 < len(entry.get("title", "")) <= title and 0 < len(entry.get("id", "")) <= key
