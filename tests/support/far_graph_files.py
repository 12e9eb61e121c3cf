"""Files at Meta: uploaded ones last 30 days, people's 7; an address is good for five minutes."""

import hashlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from support.far_graph_rules import Document, wrong_media

_DAY = 86_400.0


@dataclass
class File:
    """A file, good `until`; `sha256` is what is said of it, where that is not the truth."""

    media_type: str
    data: bytes
    until: float
    token: str
    sha256: str = ""


@dataclass
class Files:
    """Everything that was uploaded or sent by people, by media id."""

    clock: Callable[[], float] = time.monotonic
    address_seconds: float = 300.0
    kept: dict[str, File] = field(default_factory=dict)
    #: What a download answers with instead of a file: ("bytes", ...) or ("redirect", address).
    spoiled: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _addresses: dict[str, tuple[str, float]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def keep(
        self, data: bytes, media_type: str, *, token: str = "EAAgenuine", sha256: str = ""
    ) -> str:
        """Keep a file that a person sent; return its id."""
        media_id = str(9_000_000 + next(self._numbers))
        until = self.clock() + 7 * _DAY
        self.kept[media_id] = File(media_type, data, until, token, sha256)
        return media_id

    async def take(self, request: web.Request, token: str) -> tuple[str, str]:
        """Take an upload; return why not, or its id."""
        form = await request.post()
        given = form.get("file")
        if form.get("messaging_product") != "whatsapp" or not isinstance(given, web.FileField):
            return "messaging_product and file", ""
        data = given.file.read()
        media_type = str(form.get("type") or given.content_type)
        media_id = str(8_000_000 + next(self._numbers))
        self.kept[media_id] = File(media_type, data, self.clock() + 30 * _DAY, token)
        return "", media_id

    def address(self, media_id: str, url: str) -> Document | None:
        """Return what GET /{media id} says; None: there is no such file any more."""
        file = self.kept.get(media_id)
        if file is None or file.until < self.clock():
            return None
        address = f"f{next(self._numbers)}"
        self._addresses[address] = (media_id, self.clock() + self.address_seconds)
        return {
            "messaging_product": "whatsapp",
            "url": f"{url}files/{address}",
            "mime_type": file.media_type,
            "sha256": file.sha256 or hashlib.sha256(file.data).hexdigest(),
            "file_size": str(len(file.data)),
            "id": media_id,
        }

    async def download(self, request: web.Request) -> web.Response:
        """Answer with a file's bytes, for its bearer, while the address is good."""
        media_id, until = self._addresses.get(request.match_info["address"], ("", 0.0))
        file = self.kept.get(media_id)
        bearer = request.headers.get("Authorization", "")
        if file is None or bearer != f"Bearer {file.token}":
            return web.Response(status=401)
        if until < self.clock():
            return web.Response(status=404)
        kind, spoiled = self.spoiled.get(media_id, ("", b""))
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": spoiled.decode()})
        data = spoiled if kind == "bytes" else file.data
        return web.Response(body=data, content_type=file.media_type)

    def wrong(self, kind: str, media_id: str, token: str) -> str:
        """Return why a file cannot be sent as `kind`; empty when it can."""
        file = self.kept.get(media_id)
        if file is None or file.token != token or file.until < self.clock():
            return "no such media"
        return wrong_media(kind, file.media_type, len(file.data))
