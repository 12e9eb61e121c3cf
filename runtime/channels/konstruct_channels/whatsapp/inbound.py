"""WhatsApp's inbound half: batches of changes of one business number, and Meta's handshake. Pure.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks. One delivery holds up to 1,000
updates; each is read for itself, so that a bad one costs nothing but itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pydantic_core

from konstruct_channels.inbound import (
    Connection,
    Delivered,
    Forged,
    Handshake,
    Item,
    NotReady,
    Reading,
    Webhook,
)
from konstruct_channels.whatsapp import account, echoes, people, receipts, signing
from konstruct_channels.whatsapp.fields import identifier, listed, mapping, moment, text
from konstruct_channels.whatsapp.messages import Said, moved
from konstruct_channels.whatsapp.people import Known
from konstruct_channels.whatsapp.spec import WhatsAppConfig
from konstruct_messages.inbound import Ignored

_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,512}", re.ASCII)
_MALFORMED = Ignored(reason="malformed", known=False)


def sign(body: bytes, credentials: Mapping[str, str], *, now: datetime) -> Mapping[str, str]:  # noqa: ARG001
    """Return the headers with which Meta vouches for `body`; no time is signed."""
    return signing.sign(body, credentials.get("appSecret", ""))


def read(webhook: Webhook, connection: Connection, *, now: datetime) -> Reading:
    """Verify the raw bytes, then say what they hold. Never raises."""
    if webhook.method == "GET":
        return _handshake(webhook.query, connection.credentials.get("verifyToken", ""))
    secret = connection.credentials.get("appSecret", "")
    if not secret:
        return NotReady("no_credentials")
    forged = signing.verify(webhook.body, webhook.headers, secret)
    if forged is not None:
        return forged
    try:
        config = WhatsAppConfig.model_validate(connection.config)
    except ValueError:
        return NotReady("config")
    content = _json(webhook.body)
    if content is None or text(content, "object") != "whatsapp_business_account":
        return Delivered((_MALFORMED,))
    return Delivered(tuple(_items(content, config, now)) or (_MALFORMED,))


def _handshake(query: Mapping[str, str], token: str) -> Reading:
    """Answer Meta's first question, which it signs with nothing but the verify token."""
    if not token:
        return NotReady("no_credentials")
    challenge = query.get("hub.challenge", "")
    asked = query.get("hub.mode") == "subscribe" and _CHALLENGE.fullmatch(challenge)
    if not signing.same(token, query.get("hub.verify_token", "")) or not asked:
        return Forged("bad_verify_token", handshake=True)
    return Handshake(challenge.encode())


def _items(content: Mapping[str, Any], config: WhatsAppConfig, now: datetime) -> Iterator[Item]:
    for entry in listed(content.get("entry")):
        changes = [*listed(entry.get("changes"))]
        if not changes:
            yield _MALFORMED
        for change in changes:
            yield from _change(entry, change, config, now)


def _change(
    entry: Mapping[str, Any], change: Mapping[str, Any], config: WhatsAppConfig, now: datetime
) -> Iterator[Item]:
    field, value = text(change, "field"), mapping(change.get("value"))
    if field in account.FIELDS:
        yield from account.read(field, entry, value, config)
        return
    if field not in {"messages", "smb_message_echoes", "user_id_update"}:
        yield Ignored(reason="unknown_field", known=False) if field else _MALFORMED
        return
    number = text(mapping(value.get("metadata")), "phone_number_id")
    if number != config.phone_number_id:
        yield Ignored(reason="another_number") if number else _MALFORMED
        return
    found = [_guarded(one) for one in _updates(field, value, now)]
    yield from found or [_MALFORMED]


def _updates(field: str, value: Mapping[str, Any], now: datetime) -> Iterator[Any]:
    """Yield a reader of every update that the change holds, in its order."""
    contacts = value.get("contacts")
    if field == "smb_message_echoes":
        for one in listed(value.get("message_echoes")):
            yield lambda one=one: echoes.read(one, contacts, now=now)
        return
    if field == "user_id_update":
        for one in listed(value.get("user_id_update")):
            yield lambda one=one: _user_id(one)
        return
    for one in listed(value.get("messages")):
        yield Said(one, contacts, now).read
    for one in listed(value.get("statuses")):
        yield lambda one=one: _receipt(one)
    if not value.get("messages") and not value.get("statuses"):
        for _ in listed(value.get("errors")):
            yield lambda: Ignored(reason="vendor_error")


def _guarded(reader: Any) -> Item:
    """Read one update; what its own values make impossible is malformed, and the rest is not."""
    try:
        found: Item = reader()
    except (ValueError, OverflowError):
        return _MALFORMED
    return found


def _receipt(status: Mapping[str, Any]) -> Item:
    return receipts.receipt_of(status) if identifier(status, "id") else _MALFORMED


def _user_id(update: Mapping[str, Any]) -> Item:
    """Read that a person's user id is another one now: the link between the two."""
    ids = mapping(update.get("user_id"))
    former = people.user_id(text(ids, "previous"))
    current = people.user_id(text(ids, "current"))
    at = moment(update)
    keys = (f"user-id/{former}/{current}/{int(at.timestamp()) if at else 0}",)
    return moved(Known(user_id=former), Known(user_id=current), keys)


def _json(body: bytes) -> Mapping[str, Any] | None:
    try:
        content = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        content = _leniently(body)
    return content if isinstance(content, dict) else None


def _leniently(body: bytes) -> Any:
    """Read JSON with half characters in it: one person's must not cost the others' messages."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(_name: str) -> None:
    raise ValueError("This is no JSON.")
