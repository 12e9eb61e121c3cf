"""Ids and tokens made in code."""

import hashlib
import secrets
import time
from datetime import datetime
from uuid import UUID

_TOKEN_BYTES = 32


def new_id() -> UUID:
    """Return a UUIDv7: ids made later sort later, which keeps indexes dense (RFC 9562, 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_bits >> 62) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
    return UUID(int=value)


def first_id_at(moment: datetime) -> UUID:
    """Return an id that sorts before every id made at `moment` (aware) or later."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def new_token() -> str:
    """Return 32 random bytes as URL-safe base64 without padding (43 characters)."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Return what the store keeps of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()
