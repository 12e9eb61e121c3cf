"""The portal's cookies and the tokens bound to them.

Over https every name carries the `__Host-` prefix, which pins a cookie to this host, to https and
to the path `/`. Over http on a loopback address browsers refuse that prefix, so names are plain.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from starlette.responses import Response

SESSION_DAYS = 7
PREFERENCE_DAYS = 365
_DAY = 86_400


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return what the store keeps of a session's token."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True)
class Cookies:
    """Names and attributes of the cookies, and the key that anti-forgery tokens are made with."""

    secure: bool
    key: bytes

    def name(self, plain: str) -> str:
        """Return a cookie's full name."""
        return f"{'__Host-' if self.secure else ''}konstruct_{plain}"

    def put(self, answer: Response, plain: str, value: str, *, seconds: int | None = None) -> None:
        """Set a cookie that scripts cannot read; without `seconds` it ends with the browser."""
        answer.set_cookie(
            self.name(plain),
            value,
            max_age=seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def drop(self, answer: Response, plain: str) -> None:
        """Take a cookie back."""
        answer.delete_cookie(
            self.name(plain), path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def put_session(self, answer: Response, token: str) -> None:
        """Set the session's cookie; the store decides when the session really ends."""
        self.put(answer, "session", token, seconds=SESSION_DAYS * _DAY)

    def put_preference(self, answer: Response, plain: str, value: str) -> None:
        """Set a language or a theme for this browser; empty follows the browser again."""
        if value:
            self.put(answer, plain, value, seconds=PREFERENCE_DAYS * _DAY)
        else:
            self.drop(answer, plain)

    def form_token(self, bound_to: str) -> str:
        """Return the anti-forgery token of the browser that holds the cookie `bound_to`."""
        signature = hmac.new(self.key, b"form/" + bound_to.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()

    def genuine(self, token: str, bound_to: str) -> bool:
        """Tell whether a form's token belongs to the cookie that came with it."""
        return bool(bound_to) and hmac.compare_digest(
            self.form_token(bound_to).encode(), token.encode()
        )
