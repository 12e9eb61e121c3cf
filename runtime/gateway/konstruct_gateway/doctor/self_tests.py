"""Deliveries that the gateway sends itself: told from a vendor's by a mark nobody else can make.

A mark is good for one body, one connection and one minute, so nobody can hang it onto a vendor's
delivery to have that thrown away.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

HEADER = "konstruct-self-test"
_SECONDS = 60


@dataclass(frozen=True)
class SelfTests:
    """Makes marks and knows them again, at every replica that has the same key."""

    key: bytes = field(repr=False)

    def mark(self, tenant_id: UUID, connection: str, body: bytes, *, now: float) -> str:
        """Return the mark of one delivery; `now` is in seconds since 1970."""
        return self._mark(tenant_id, connection, body, int(now) + _SECONDS)

    def answer(
        self,
        headers: Mapping[str, str],
        tenant_id: UUID,
        connection: str,
        body: bytes,
        *,
        now: float,
    ) -> str:
        """Return what proves that a marked delivery came here; empty for what bears no mark."""
        given = headers.get(HEADER, "")
        until = given.partition(".")[0]
        if not until.isascii() or not until.isdigit() or not now <= int(until) <= now + _SECONDS:
            return ""
        wanted = self._mark(tenant_id, connection, body, int(until))
        if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
            return ""
        return self.proof(given)

    def proof(self, mark: str) -> str:
        """Return what only a gateway with the same key answers to a mark."""
        return hmac.new(self.key, f"came {mark}".encode(), hashlib.sha256).hexdigest()

    def _mark(self, tenant_id: UUID, connection: str, body: bytes, until: int) -> str:
        digest = hashlib.sha256(body).hexdigest()
        text = f"self-test {tenant_id} {connection} {digest} {until}"
        return f"{until}.{hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()}"
