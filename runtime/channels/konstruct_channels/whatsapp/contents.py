"""What a message of WhatsApp says, as text and files, whatever its type. Pure.

What is no text is told by a sign that needs no language: a place, a contact, an order.
https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#messages-object
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pydantic_core

from konstruct_channels.whatsapp.fields import identifier, listed, mapping, number, text
from konstruct_messages.inbound import Attachment

FILES = frozenset({"audio", "document", "image", "sticker", "video"})
PLACE, CONTACT, ORDER, FORM = "\N{ROUND PUSHPIN}", "\N{BUST IN SILHOUETTE}", "\U0001f6d2", "\u2611"
EDITED, FORWARDED, ADVERTISED = "\u270f", "\u21aa", "\u2197"

_MOST = 64
_ENDINGS = {
    "application/pdf": ".pdf",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}


@dataclass(frozen=True)
class Content:
    """What was said."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to answer."""
        return not self.text.strip() and not self.attachments


def content_of(message: Mapping[str, Any]) -> Content | None:
    """Return what a message says; None for a type that says nothing this way."""
    kind = text(message, "type")
    part = mapping(message.get(kind))
    if kind in FILES:
        return _file(kind, part)
    match kind:
        case "text":
            said = text(part, "body")
        case "button":
            said = text(part, "text")
        case "interactive":
            said = _reply(part)
        case "location":
            said = _place(part)
        case "contacts":
            said = "\n".join(map(_contact, islice(listed(message.get(kind)), _MOST)))
        case "order":
            said = _order(part)
        case _:
            return None
    return Content(said)


def around(message: Mapping[str, Any], content: Content) -> Content:
    """Return the content with what it came by: forwarded, or from an advertisement."""
    said = content.text
    context = mapping(message.get("context"))
    if context.get("forwarded") is True or context.get("frequently_forwarded") is True:
        said = f"{FORWARDED} {said}".rstrip()
    advertised = _advertisement(mapping(message.get("referral")))
    if advertised:
        said = f"{said}\n\n{advertised}".strip()
    return Content(said, content.attachments)


def _file(kind: str, part: Mapping[str, Any]) -> Content:
    key, caption = identifier(part, "id"), text(part, "caption")
    if not key:
        return Content(caption)
    # The rest is parameters: codecs.
    media_type = text(part, "mime_type").partition(";")[0].strip().lower()[:127]
    stem = "voice" if part.get("voice") is True else kind
    attachment = Attachment(
        key=key,
        name=text(part, "filename")[:255] or stem + _ENDINGS.get(media_type, ""),
        media_type=media_type or "application/octet-stream",
    )
    return Content(caption, (attachment,))


def _reply(part: Mapping[str, Any]) -> str:
    """Return what an interactive message was answered with."""
    for kind in ("button_reply", "list_reply"):
        title = text(mapping(part.get(kind)), "title")
        if title:
            return title
    return _form(mapping(part.get("nfm_reply")))


def _form(part: Mapping[str, Any]) -> str:
    """Return what a form (a flow) was filled in with: its words, then its fields."""
    try:
        fields = mapping(pydantic_core.from_json(text(part, "response_json") or "{}"))
    except ValueError:
        fields = {}
    lines = [
        f"{name}: {value}"
        for name, value in [*fields.items()][:_MOST]
        if name != "flow_token" and isinstance(value, str | int | float) and value != ""
    ]
    said = text(part, "body").strip()
    if not lines:
        return said
    return "\n".join([f"{FORM} {said}".strip(), *lines])


def _place(part: Mapping[str, Any]) -> str:
    latitude, longitude = number(part, "latitude"), number(part, "longitude")
    named = ", ".join(one for one in (text(part, "name"), text(part, "address")) if one)
    where = f"({latitude:g}, {longitude:g})" if None not in (latitude, longitude) else ""
    found = " ".join(one for one in (named, where, text(part, "url")) if one)
    return f"{PLACE} {found}" if found else ""


def _contact(part: Mapping[str, Any]) -> str:
    name = mapping(part.get("name"))
    called = text(name, "formatted_name") or text(name, "first_name")
    rest = (
        *(text(one, "phone") or text(one, "wa_id") for one in listed(part.get("phones"))),
        *(text(one, "email") for one in listed(part.get("emails"))),
        text(mapping(part.get("org")), "company"),
    )
    found = ", ".join(one for one in (called, *rest) if one)
    return f"{CONTACT} {found}" if found else ""


def _order(part: Mapping[str, Any]) -> str:
    lines = [*map(_product, islice(listed(part.get("product_items")), _MOST))]
    if not any(lines):
        return text(part, "text")
    said = text(part, "text").strip()
    return "\n".join([ORDER, *(one for one in lines if one), *([said] if said else [])])


def _product(item: Mapping[str, Any]) -> str:
    name = text(item, "product_retailer_id")
    quantity, price = number(item, "quantity"), number(item, "item_price")
    if not name:
        return ""
    each = f" \N{MULTIPLICATION SIGN} {price:g} {text(item, 'currency')}" if price else ""
    return f"{quantity or 1:g} \N{MULTIPLICATION SIGN} {name}{each}".rstrip()


def _advertisement(part: Mapping[str, Any]) -> str:
    """Return the advertisement that the person came by."""
    found = [one for one in _advertised(part) if one]
    return f"{ADVERTISED} {' · '.join(found)}" if found else ""


def _advertised(part: Mapping[str, Any]) -> Iterator[str]:
    for key in ("headline", "body", "source_url"):
        yield " ".join(text(part, key).split())[:500]
