"""The chat on a customer's own page: one script, served with its words and its look."""

import hashlib
import json
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from konstruct_gateway.chat import access
from konstruct_gateway.chat.services import ChatServices
from konstruct_gateway.errors import Forbidden
from konstruct_gateway.sentences import Sentences
from konstruct_messages.translations import LANGUAGES

_SECONDS = 300
_PARTS = ("markdown.js", "files.js", "link.js", "widget.js")
_FILES = "konstruct_gateway.chat.widget"


class Widget:
    """`GET /chat/{tenant}/{connection}/widget.js`: the same script for every chat.

    It finds its chat in its own address. Which pages may use it is decided where it asks for a
    ticket; a script tag sends no Origin.
    """

    def __init__(self, services: ChatServices) -> None:
        self._services = services
        self._body = _script(services.sentences)
        self._etag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'

    async def script(self, request: Request) -> Response:
        """Answer the script, or 304. Raises NotFound, Forbidden (no visitors) and Unloaded."""
        names = request.path_params
        view = self._services.view
        place = await access.reach_place(view, names["tenant"], names["connection"])
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        public_url = self._services.settings.public_url
        if not place.takes_visitors:
            raise Forbidden("This chat takes no visitors.")
        if not access.origin_allowed(origin, place, public_url, host=host):
            raise Forbidden(
                "Pages of this origin may not open this chat; add it to webChat.allowedOrigins."
            )
        headers = {
            "Cache-Control": f"public, max-age={_SECONDS}",
            "Content-Type": "text/javascript; charset=utf-8",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "ETag": self._etag,
            "Vary": "Origin",
            "X-Content-Type-Options": "nosniff",
        }
        if origin is not None:
            headers["Access-Control-Allow-Origin"] = origin
        known = {one.strip().removeprefix("W/") for one in _etags(request)}
        if self._etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(self._body, headers=headers)


def _etags(request: Request) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")


def _script(sentences: Sentences) -> bytes:
    """Return the script: its files in one function, with words and styles as constants."""
    folder = resources.files(_FILES)
    words = {language: sentences.widget(language) for language in LANGUAGES}
    constants = {"WORDS": words, "STYLE": (folder / "widget.css").read_text("utf-8")}
    lines = [f"  const {name} = {_literal(value)};" for name, value in constants.items()]
    files = [(folder / name).read_text("utf-8") for name in _PARTS]
    return "\n".join(['(() => {\n  "use strict";', *lines, *files, "})();", ""]).encode()


def _literal(value: object) -> str:
    """Return a JavaScript literal; the two separators that JSON allows and scripts did not."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
