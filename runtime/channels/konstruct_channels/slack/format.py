"""Markdown to Slack's mrkdwn, in messages that keep Slack's limit.

Everything the model writes is escaped, so that `<!channel>`, `<!here>` and `<@U...>` are words and
ping nobody; the only angle brackets that go out are those of links made here.
https://docs.slack.dev/messaging/formatting-message-text
"""

import re
from collections.abc import Iterator

from konstruct_channels.markdown import Line, Markup
from konstruct_channels.slack.markup import plain

_LINKABLE = re.compile(r"(?:https?://|mailto:|tel:)[^\s<>|]+", re.IGNORECASE)
_ATOM = re.compile(r"<[^<>\n]*>|&(?:amp|lt|gt);|[ \t]+|[^\s<&]+|.", re.DOTALL)


def render(markdown: str, *, limit: int) -> list[str]:
    """Return the messages that say `markdown`; see `Markup.render`."""
    return _mrkdwn().render(markdown, limit=limit)


def read(mrkdwn: str) -> str:
    """Return a rendered message as the plain text a person sees."""
    return plain(mrkdwn)


def sections(mrkdwn: str, *, limit: int) -> list[str]:
    """Return a rendered message in parts of at most `limit` characters, its code blocks whole.

    Raises ValueError as `render` does.
    """
    return _mrkdwn().pack(_rendered(mrkdwn), limit=limit)


def escape(text: str) -> str:
    """Return `text` so that Slack shows it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn() -> Markup:
    return Markup(bullet="•", escape=escape, link=_link, pieces=_pieces)


def _rendered(mrkdwn: str) -> Iterator[Line]:
    code = False
    for line in mrkdwn.split("\n"):
        if line == "```":
            code = not code
        else:
            yield Line(line, code)


def _link(url: str, label: str | None) -> str:
    words = escape((label or "").replace("|", "/").strip())
    if not _LINKABLE.fullmatch(url):
        # `<!channel|x>` and `<@U1|x>` would be made here; they stay words.
        return f"{words} ({escape(url)})" if words else escape(url)
    target = url.replace("&", "&amp;")
    return f"<{target}|{words}>" if words else f"<{target}>"


def _pieces(line: str, room: int) -> Iterator[str]:
    """Part a line between words, never inside of an escape or a link."""
    for atom in _ATOM.findall(line):
        if len(atom) > room and atom.startswith("<"):
            yield from _mrkdwn().chunks(escape(plain(atom)), room)
        else:
            yield from (atom[start : start + room] for start in range(0, len(atom), room))
