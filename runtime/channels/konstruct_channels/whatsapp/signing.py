"""Meta's signature: HMAC-SHA256 over the raw body, with the app's secret.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads. It signs
no time: a replay is told by the ids of what it holds.
"""

import hashlib
import hmac
from collections.abc import Mapping

from konstruct_channels.inbound import Forged

SIGNATURE = "x-hub-signature-256"


def sign(body: bytes, secret: str) -> dict[str, str]:
    """Return the header that vouches for `body`."""
    return {SIGNATURE: _signature(body, secret)}


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> Forged | None:
    """Return why these bytes are not Meta's, or None when they are. Never raises."""
    given = headers.get(SIGNATURE, "")
    if not given:
        return Forged("no_signature")
    if not same(_signature(body, secret), given):
        return Forged("bad_signature")
    return None


def same(right: str, given: str) -> bool:
    """Compare two texts in a time that says nothing of where they differ."""
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace"))


def _signature(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
