"""A person who sends files: credentials as pages hold them, and the upload itself."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from support.files import PNG


@dataclass(frozen=True)
class Sender:
    """Somebody with a credential for one chat (`TENANT/CONNECTION`)."""

    url: str
    chat: str
    bearer: str
    resume: str = ""

    async def upload(
        self,
        data: bytes | AsyncIterator[bytes] = PNG,
        *,
        name: str = "picture.png",
        media_type: str = "image/png",
        headers: dict[str, str] | None = None,
        bearer: str | None = None,
        chat: str = "",
    ) -> httpx.Response:
        """Send a file and return the answer."""
        shown = self.bearer if bearer is None else bearer
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return await client.post(
                f"{self.url}/chat/{chat or self.chat}/files",
                content=data,
                headers={
                    **({"Authorization": f"Bearer {shown}"} if shown else {}),
                    "Content-Type": media_type,
                    "Konstruct-File-Name": quote(name),
                    **(headers or {}),
                },
            )

    async def uploaded(self, data: bytes = PNG, **over: Any) -> dict[str, Any]:
        """Send a file that is taken, and return what is known of it."""
        answer = await self.upload(data, **over)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def download(self, link: str, **headers: str) -> httpx.Response:
        """Follow a link as a browser would."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return await client.get(f"{self.url}{link}", headers=headers)


async def sender(gateway_url: str, chat: str = "acme/website", *, resume: str = "") -> Sender:
    """Return a visitor of a chat, who comes back with `resume`."""
    async with httpx.AsyncClient(trust_env=False) as client:
        body = {"resume": resume} if resume else {}
        answer = await client.post(f"{gateway_url}/chat/{chat}/ticket", json=body)
        answer.raise_for_status()
    given = answer.json()
    return Sender(gateway_url, chat, given["ticket"], given["resume"])


def digest(data: bytes) -> str:
    """Return a Content-Digest header (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
