"""What the portal asked Slack for, in whose session: the `state` of an installation. Pure.

Signed, for ten minutes; that it is used once is for the store to say, by its nonce.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

SECONDS = 600
"""As long as Slack's code lives: https://docs.slack.dev/authentication/installing-with-oauth"""

_PURPOSE = b"slack-install/"
_LONGEST = 2048


class Broken(StrEnum):
    """Why a state is not believed."""

    FORGED = "Forged"
    LATE = "Late"
    ELSEWHERE = "Elsewhere"
    """Another session began the installation."""


class StateRefused(Exception):
    """A state is not ours, not now, or not this session's."""

    def __init__(self, why: Broken) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True)
class Promise:
    """An installation that somebody began. `connection` is the one to install again, or empty.

    `expires` is in seconds since 1970; `session` and `nonce` are ours.
    """

    tenant: str
    agent: str
    connection: str
    session: str
    nonce: str
    expires: int


def seal(promise: Promise, key: bytes) -> str:
    """Return the state to send to Slack."""
    body = _packed(json.dumps(asdict(promise), separators=(",", ":")).encode())
    return f"{body}.{_signature(body, key)}"


def open_state(state: str, key: bytes, *, session: str, now: float) -> Promise:
    """Return what was promised. Raises StateRefused."""
    body, _, signature = state.partition(".")
    if len(state) > _LONGEST or not hmac.compare_digest(
        _signature(body, key).encode(), signature.encode()
    ):
        raise StateRefused(Broken.FORGED)
    try:
        promise = Promise(**json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (binascii.Error, ValueError, TypeError) as error:
        raise StateRefused(Broken.FORGED) from error
    if now >= promise.expires:
        raise StateRefused(Broken.LATE)
    if promise.session != session:
        raise StateRefused(Broken.ELSEWHERE)
    return promise


def _signature(body: str, key: bytes) -> str:
    return _packed(hmac.new(key, _PURPOSE + body.encode(), hashlib.sha256).digest())


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
