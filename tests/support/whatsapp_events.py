"""What Meta sends for one WhatsApp number: real shapes, signed, one or many in a delivery.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
"""

import itertools
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from konstruct_channels.whatsapp import signing

PHONE_NUMBER_ID = "106540352242922"
ACCOUNT_ID = "102290129340398"
APP_SECRET = "app-secret-of-acme"
VERIFY_TOKEN = "verify-token-of-acme"
CONFIG = {"phoneNumberId": PHONE_NUMBER_ID, "businessAccountId": ACCOUNT_ID}

Document = dict[str, Any]


@dataclass(frozen=True)
class Writer:
    """A person as Meta names them; without a number only the user id is sent."""

    number: str = ""
    user_id: str = ""
    name: str = "Eva"

    @property
    def contact(self) -> Document:
        found: Document = {"profile": {"name": self.name}}
        found |= {"wa_id": self.number} if self.number else {}
        return found | ({"user_id": self.user_id} if self.user_id else {})

    @property
    def sender(self) -> Document:
        found = {"from": self.number} if self.number else {}
        return found | ({"from_user_id": self.user_id} if self.user_id else {})

    @property
    def reader(self) -> Document:
        found = {"to": self.number} if self.number else {}
        return found | ({"to_user_id": self.user_id} if self.user_id else {})

    @property
    def recipient(self) -> Document:
        found = {"recipient_id": self.number} if self.number else {}
        return found | ({"recipient_user_id": self.user_id} if self.user_id else {})


EVA = Writer("16505551234", "US.13491208655302741918")
TOM = Writer("16505555678", "US.99981208655302741918", "Tom")


@dataclass
class WhatsAppEvents:
    """Builds deliveries to one number. `at` is the Unix time that messages say; None: now."""

    phone_number_id: str = PHONE_NUMBER_ID
    account_id: str = ACCOUNT_ID
    at: int | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def wamid(self) -> str:
        """Return a message id that did not come before."""
        return f"wamid.HBgLMTY1MDU1NTEyMzQVAgASGBQzQ{next(self._numbers):08d}AA=="

    def message(self, content: Mapping[str, Any], *, writer: Writer = EVA, **over: Any) -> Document:
        """Return the value of a change with one message; `over` replaces the message's fields."""
        stamp = str(self.at if self.at is not None else int(time.time()))
        one = {**writer.sender, "id": self.wamid(), "timestamp": stamp, **content, **over}
        return self.value(contacts=[writer.contact], messages=[one])

    def text(self, body: str, *, writer: Writer = EVA, **over: Any) -> Document:
        """Return the value of a change with one text."""
        return self.message({"type": "text", "text": {"body": body}}, writer=writer, **over)

    def pressed(self, choice: str, title: str, *, writer: Writer = EVA, **over: Any) -> Document:
        """Return the value of a change with one pressed reply button."""
        reply = {"type": "button_reply", "button_reply": {"id": choice, "title": title}}
        return self.message({"type": "interactive", "interactive": reply}, writer=writer, **over)

    def system(self, kind: str, former: Writer, **over: Any) -> Document:
        """Return the value of a change in which WhatsApp says something about a person."""
        stamp = str(self.at if self.at is not None else int(time.time()))
        one = {
            **({"from": former.number} if former.number else {}),
            "id": self.wamid(),
            "timestamp": stamp,
            "type": "system",
            "system": {"body": "changed", "type": kind, **over},
        }
        return self.value(messages=[one])

    def status(self, vendor_id: str, status: str, *, reader: Writer = EVA, **over: Any) -> Document:
        """Return the value of a change with what became of one of our messages."""
        stamp = str(self.at if self.at is not None else int(time.time()))
        one = {
            "id": vendor_id,
            "status": status,
            "timestamp": stamp,
            **reader.recipient,
            "pricing": {
                "billable": True,
                "pricing_model": "PMP",
                "category": "service",
                "type": "regular",
            },
            **over,
        }
        return self.value(statuses=[one])

    def echo(self, body: str, *, reader: Writer = EVA, **over: Any) -> Document:
        """Return the value of a change with what the business wrote from its own phone."""
        stamp = str(self.at if self.at is not None else int(time.time()))
        one = {
            "from": "15550783881",
            **reader.reader,
            "id": self.wamid(),
            "timestamp": stamp,
            "type": "text",
            "text": {"body": body},
            **over,
        }
        return self.value(contacts=[reader.contact], message_echoes=[one])

    def value(self, **parts: Any) -> Document:
        """Return the value of a change that names the number."""
        return {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": "15550783881",
                "phone_number_id": self.phone_number_id,
            },
            **parts,
        }

    def change(self, value: Document, field: str = "messages") -> Document:
        """Return a change of one field."""
        if field == "messages" and "message_echoes" in value:
            field = "smb_message_echoes"
        if field == "messages" and "user_id_update" in value:
            field = "user_id_update"
        return {"value": value, "field": field}

    def delivery(self, *values: Document) -> Document:
        """Return a delivery with one change for each value."""
        return self.of_changes([self.change(one) for one in values])

    def of_changes(self, changes: Iterable[Document], **entry: Any) -> Document:
        """Return a delivery of these changes."""
        whole = {"id": self.account_id, **entry, "changes": list(changes)}
        return {"object": "whatsapp_business_account", "entry": [whole]}


def packed(delivery: Document) -> bytes:
    """Return the body as Meta writes it."""
    return json.dumps(delivery, separators=(",", ":")).encode()


def merged(values: Iterable[Document]) -> Document:
    """Return one value that holds the messages and statuses of several, as a batch does."""
    first, *rest = values
    whole = {**first}
    for value in rest:
        for key in ("contacts", "messages", "statuses", "message_echoes"):
            if key in value:
                whole[key] = [*whole.get(key, ()), *value[key]]
    return whole


@dataclass(frozen=True)
class WhatsAppCaller:
    """Calls a connection's address as Meta does."""

    client: httpx.AsyncClient
    url: str
    secret: str = APP_SECRET
    events: WhatsAppEvents = field(default_factory=WhatsAppEvents)

    async def call(self, body: bytes, **headers: str) -> httpx.Response:
        """Send these bytes, signed."""
        signed = {"Content-Type": "application/json", **signing.sign(body, self.secret)}
        return await self.client.post(self.url, content=body, headers={**signed, **headers})

    async def deliver(self, *values: Document) -> httpx.Response:
        """Send one delivery with a change for each value."""
        return await self.call(packed(self.events.delivery(*values)))

    async def handshake(
        self, token: str = VERIFY_TOKEN, *, challenge: str = "1158201444", mode: str = "subscribe"
    ) -> httpx.Response:
        """Ask what Meta asks before it calls an address."""
        asked = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge}
        return await self.client.get(self.url, params=asked)
