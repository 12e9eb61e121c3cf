"""Slack's signature: HMAC-SHA256 over `v0:{timestamp}:{raw body}`.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from konstruct_channels.inbound import Forged

TIMESTAMP = "x-slack-request-timestamp"
SIGNATURE = "x-slack-signature"
WINDOW_SECONDS = 300
_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


def sign(body: bytes, secret: str, *, now: datetime) -> dict[str, str]:
    """Return the two headers that vouch for `body` at `now`."""
    timestamp = str(int(now.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(body, secret, timestamp)}


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, now: datetime) -> Forged | None:
    """Return why these bytes are not Slack's, or None when they are. Never raises."""
    timestamp = headers.get(TIMESTAMP, "")
    if not _DIGITS.fullmatch(timestamp):
        return Forged("no_time")
    if abs(now.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        return Forged("stale")
    given = headers.get(SIGNATURE, "").encode("utf-8", "replace")
    if not hmac.compare_digest(_signature(body, secret, timestamp).encode(), given):
        return Forged("bad_signature")
    return None


def _signature(body: bytes, secret: str, timestamp: str) -> str:
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
