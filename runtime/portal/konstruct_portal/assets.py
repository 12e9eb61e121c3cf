"""Static files: compressed once, cached for a year where the address names the content."""

import gzip
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

_COMPRESSED = frozenset({".css", ".js", ".svg", ".json"})
_TYPES = {
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_YEAR = "public, max-age=31536000, immutable"


class Assets:
    """Serves the files below a folder that were there at start, and nothing else.

    `more` are files that lie elsewhere, by the name they are served under.
    """

    def __init__(self, folder: Path, *, more: Mapping[str, bytes] | None = None) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file()
        }
        self._packed: dict[str, tuple[bytes, bytes | None]] = {}
        for name, content in (more or {}).items():
            self._files[name] = Path(name)
            self._packed[name] = _pack(Path(name), content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD with a file."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        root = scope.get("root_path", "")
        name = scope["path"].removeprefix(root).lstrip("/")
        path = self._files.get(name)
        if path is None or scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Not found", status_code=404)
        content, packed = self._load(name, path)
        named = "v" in parse_qs(scope["query_string"].decode("latin-1"))
        headers = {
            "Cache-Control": _YEAR if named or name.startswith("vendor/") else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if packed is not None and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = packed
        return Response(content, headers=headers, media_type=_media_type(path))

    def _load(self, name: str, path: Path) -> tuple[bytes, bytes | None]:
        if name not in self._packed:
            self._packed[name] = _pack(path, path.read_bytes())
        return self._packed[name]


def _pack(path: Path, content: bytes) -> tuple[bytes, bytes | None]:
    return content, gzip.compress(content, 6) if path.suffix in _COMPRESSED else None


def _media_type(path: Path) -> str:
    known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return known or "application/octet-stream"
