"""Markdown to WhatsApp's own marks, in messages that keep its limit.

WhatsApp knows `*bold*`, `_italic_`, `~strike~`, code, quotes and lists, and has no escape: a star
that is only a star stays one. Links are shown with their address.
https://faq.whatsapp.com/539178204879377 and
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from konstruct_channels.markdown import FENCE, INLINE, Markup, clean, closes, require_limit

_ATOM = re.compile(r"[ \t]+|[^\s]+|.", re.DOTALL)
_MARKED = re.compile(r"(?<![\w*_~])([*_~])(?=\S)([^*_~\n]+)(?<=\S)\1(?![\w*_~])")
_FRAME = 100
"""What a code block's own lines may add, and what no line that opens one is longer than."""
_MOST_MARKDOWN = 2
"""Markdown that is so many times as long as a message is not even tried."""


def render(markdown: str, *, limit: int) -> list[str]:
    """Return the messages that say `markdown`; see `Markup.render`."""
    markup = Markup(bullet="-", escape=str, link=_link, pieces=_pieces)
    return markup.render(markdown, limit=limit)


def read(message: str) -> str:
    """Return a rendered message as the plain text a person sees."""
    found: list[str] = []
    for number, part in enumerate(message.split("```")):
        if number % 2:
            found.append(part.strip("\n"))
            continue
        plain = part
        for _ in range(3):
            plain = _MARKED.sub(r"\2", plain)
        found.append(plain.replace("`", ""))
    return "".join(found)


def split(markdown: str, *, limit: int) -> list[str]:
    """Return `markdown` in pieces that are one message each, as few as its lines allow.

    One recorded delivery is one message then, whose fate the vendor can name. Raises ValueError as
    `render` does.
    """
    require_limit(limit)
    pieces: list[str] = []
    room = limit - min(_FRAME, limit // 2)
    rest = [cut for line in clean(markdown).split("\n") for cut in _cuts(line, room)]
    fence = ""
    while rest:
        likely = _most_within(rest, _MOST_MARKDOWN * limit)
        count = max(1, _most(likely, partial(_lines_fit, rest, fence, limit)))
        taken, rest = rest[:count], rest[count:]
        pieces.append(_whole(taken, fence))
        fence = _fence_after(taken, fence)
    return [one.strip("\n") for one in pieces if render(one, limit=limit)]


def _most(count: int, fits: Callable[[int], bool]) -> int:
    """Return the highest number up to `count` that fits, found by halving; 0 where none does."""
    if fits(count):
        return count
    least, most = 0, count
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    return least


def _lines_fit(lines: list[str], fence: str, limit: int, count: int) -> bool:
    return len(render(_whole(lines[:count], fence), limit=limit)) <= 1


def _most_within(lines: list[str], room: int) -> int:
    """Return how many of the lines have at most `room` characters together."""
    for count, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return count
    return len(lines)


def _whole(lines: list[str], fence: str) -> str:
    """Return lines as Markdown of their own: a code block that goes on is closed and opened."""
    after = _fence_after(lines, fence)
    return "\n".join([*([fence] if fence else []), *lines, *([after.strip()[:3]] if after else [])])


def _fence_after(lines: list[str], fence: str) -> str:
    """Return the line that opened the code block which is open behind `lines`; empty: none is."""
    for line in lines:
        opening = FENCE.match(line)
        if opening and not fence:
            fence = line if len(line) <= _FRAME else opening[1][:3]
        elif opening and closes(line, _ticks(fence)):
            fence = ""
    return fence


def _ticks(fence: str) -> str:
    opened = FENCE.match(fence)
    return opened[1] if opened else ""


def _cuts(line: str, room: int) -> Iterator[str]:
    """Cut a line that no message could hold behind a space, outside of links and marks."""
    while len(line) > room:
        beginning = line[:room]
        spans = [found.span() for found in INLINE.finditer(line, 0, room + _FRAME)]
        spaces = (at for at in range(room, room // 2, -1) if beginning[at - 1].isspace())
        whole = (at for at in spaces if not any(begins < at < ends for begins, ends in spans))
        at = next(whole, room)
        yield line[:at]
        line = line[at:]
    yield line


def _link(url: str, label: str | None) -> str:
    if label is None:
        return url.removeprefix("mailto:")
    words = label.strip()
    return f"{words} ({url})" if words and words != url else url


def _pieces(line: str, room: int) -> Iterator[str]:
    """Part a line between words where there are any."""
    for atom in _ATOM.findall(line):
        yield from (atom[start : start + room] for start in range(0, len(atom), room))
