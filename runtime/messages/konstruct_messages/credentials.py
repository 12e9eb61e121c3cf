"""The signed credentials of chat: tickets, resume credentials and desk tickets.

They are `payload.signature`, URL-safe base64 without padding; the signature is HMAC-SHA256 over the
encoded payload with a key of at least 32 bytes that gateway and portal share. A ticket opens one
socket within seconds; a resume credential lets a visitor come back as the same person. A
desk ticket lets somebody of the tenant, whom the portal vouches for, take conversations over.
"""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field, ValidationError

from konstruct_messages.errors import ExpiredCredential, ForgedCredential
from konstruct_messages.inbound import Frozen

TICKET_LIFETIME = timedelta(seconds=60)
DESK_LIFETIME = timedelta(seconds=60)
RESUME_LIFETIME = timedelta(days=30)
_LONGEST = 4096


class CredentialUse(StrEnum):
    """What a credential is good for; one is never accepted in place of the other."""

    TICKET = "Ticket"
    RESUME = "Resume"
    DESK = "Desk"


class ChatCredential(Frozen):
    """Who may speak, where, until when. `agent` is set for the reserved connection `portal`."""

    use: CredentialUse
    tenant_id: UUID
    connection: str = Field(min_length=1, max_length=63)
    person_key: str = Field(min_length=1, max_length=256)
    display_name: str = Field(default="", max_length=128)
    language: str = Field(default="", max_length=35)
    agent: str = Field(default="", max_length=63)
    expires_at: AwareDatetime


def sign(credential: ChatCredential, key: bytes) -> str:
    """Return the credential as the text that travels."""
    payload = _encode(credential.model_dump_json().encode())
    return f"{payload}.{_encode(_signature(payload, key))}"


def verify(text: str, key: bytes, *, use: CredentialUse, now: datetime) -> ChatCredential:
    """Return what `text` vouches for.

    Raises ForgedCredential unless it was signed with `key` for this `use`, and ExpiredCredential
    when `now` (timezone-aware) is past its end.
    """
    if len(text) > _LONGEST:
        raise ForgedCredential("The credential is longer than any we make.")
    payload, _, signature = text.partition(".")
    if not hmac.compare_digest(_encode(_signature(payload, key)).encode(), signature.encode()):
        raise ForgedCredential("The credential was not signed by this service.")
    try:
        credential = ChatCredential.model_validate(json.loads(_decode(payload)))
    except (ValueError, ValidationError) as error:
        raise ForgedCredential("The credential cannot be read.") from error
    if credential.use is not use:
        raise ForgedCredential("The credential is for another use.")
    if credential.expires_at <= now.astimezone(UTC):
        raise ExpiredCredential("The credential has expired; ask for a new one.")
    return credential


def _signature(payload: str, key: bytes) -> bytes:
    return hmac.new(key, payload.encode(), hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
