"""Expiring links to files: `/chat/files/tenant/media?expires&signature`, by HMAC-SHA256. Pure.

A link opens one file for whoever has it, until it expires; it says nothing of who that is.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from konstruct_messages.errors import ExpiredCredential, ForgedCredential

LINK_LIFETIME = timedelta(hours=1)
_PURPOSE = b"konstruct media links"
_LONGEST = 64


def link_key(secret: bytes) -> bytes:
    """Return the links' own key, derived from one that other things are signed with."""
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def link(
    tenant_id: UUID,
    media_id: UUID,
    *,
    key: bytes,
    now: datetime,
    lifetime: timedelta = LINK_LIFETIME,
) -> str:
    """Return the address of a file below the public URL, beginning with a slash."""
    expires = int((now + lifetime).timestamp())
    query = urlencode(
        {"expires": expires, "signature": _signature(tenant_id, media_id, expires, key)}
    )
    return f"/chat/files/{tenant_id}/{media_id}?{query}"


def check_link(
    tenant_id: UUID, media_id: UUID, expires: str, signature: str, *, key: bytes, now: datetime
) -> None:
    """Raise ForgedCredential unless `key` signed it, ExpiredCredential when its time is over."""
    plain = expires.isascii() and expires.isdecimal() and len(expires) <= _LONGEST
    if not plain or str(int(expires)) != expires:
        raise ForgedCredential("The link names no time.")
    right = _signature(tenant_id, media_id, int(expires), key)
    if not hmac.compare_digest(right.encode(), signature.encode()):
        raise ForgedCredential("The link was not signed here.")
    if int(expires) <= now.timestamp():
        raise ExpiredCredential("The link has expired.")


def _signature(tenant_id: UUID, media_id: UUID, expires: int, key: bytes) -> str:
    signed = f"{tenant_id}/{media_id}/{expires}".encode()
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
