"""Signed deliveries of WhatsApp's Cloud API as HTTP requests, with one message or many in each."""

import itertools
import json
import uuid
from typing import Any

from konstruct_channels.whatsapp import signing
from slack_load import Deliver
from support.whatsapp_events import ACCOUNT_ID, APP_SECRET, WhatsAppEvents, Writer

PATH = "/whatsapp"
LATE_SECONDS = 0.25
"""Meta: the median of all answers within 250 ms, fewer than 1 % slower.

https://developers.facebook.com/docs/whatsapp/cloud-api/overview
"""

_PEOPLE = 50


def deliveries(messages: int = 1) -> Deliver:
    """Return a maker of deliveries of so many messages; one is named after its last message."""
    events, numbers = WhatsAppEvents(), itertools.count(1)

    def change() -> tuple[str, dict[str, Any]]:
        number = next(numbers) % _PEOPLE
        person = Writer(f"1650555{number:04d}", f"US.{number:020d}", "Eva")
        name = f"wamid.{uuid.uuid4().hex}"
        value = events.text(f"Where is my order? {name}", writer=person, id=name)
        return name, {"field": "messages", "value": value}

    def deliver(path: str) -> tuple[str, bytes]:
        made = [change() for _ in range(messages)]
        entry = {"id": ACCOUNT_ID, "changes": [one for _, one in made]}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        signature = signing.sign(body, APP_SECRET)[signing.SIGNATURE]
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            "User-Agent: facebookexternalua\r\nAccept: */*\r\n"
            f"X-Hub-Signature-256: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return made[-1][0], head.encode() + body

    return deliver
