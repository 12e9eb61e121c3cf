"""Markdown to WhatsApp's own marks, in messages that keep its limit.

WhatsApp knows `*bold*`, `_italic_`, `~strike~`, code, quotes and lists, and has no escape: a star
that is only a star stays one. Links are shown with their address.
https://faq.whatsapp.com/539178204879377 and
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

SHORTEST_LIMIT = 32
"""No limit below this can be kept: a code block's own lines need room."""

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^\s{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_RULE = re.compile(r"^\s{0,3}([-*_])([ \t]*\1){2,}[ \t]*$")
_ITEM = re.compile(r"^([ \t]*)[-*+][ \t]+(\[[ xX]\][ \t]+)?")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_DELIMITER = re.compile(r"^\s*\|?[ \t:|-]*-[ \t:|-]*\|?\s*$")
_INLINE = re.compile(
    r"(?P<code>(?P<ticks>`{1,3})(?P<inside>[^`\n]{1,4000})(?P=ticks))"
    r"|\\(?P<escaped>[\\`*_{}\[\]()#+.!~>|-])"
    r"|!?\[(?P<label>[^\[\]\n]{0,400})\]\((?P<url>[^\s()]{1,2000})(?:[ \t]+\"[^\"\n]{0,200}\")?\)"
    r"|<(?P<auto>(?:https?://|mailto:)[^\s<>|]{1,2000})>"
    r"|\*\*(?P<bold>(?=\S)[^*\n]{1,500}(?:\*[^*\n]{1,200}\*[^*\n]{0,200})?)\*\*"
    r"|(?<!\w)__(?P<strong>(?=\S)[^_\n]{1,500})__(?!\w)"
    r"|~~(?P<strike>(?=\S)[^~\n]{1,500})~~"
    r"|(?<![\w*])\*(?P<italic>(?=[^\s*])[^*\n]{1,500})(?<=\S)\*(?![\w*])"
)
_ATOM = re.compile(r"[ \t]+|[^\s]+|.", re.DOTALL)
_MARKED = re.compile(r"(?<![\w*_~])([*_~])(?=\S)([^*_~\n]+)(?<=\S)\1(?![\w*_~])")
_FRAME = 100
"""What a code block's own lines may add, and what no line that opens one is longer than."""
_MOST_MARKDOWN = 2
"""Markdown that is so many times as long as a message is not even tried."""
_OPEN, _CLOSE = "```\n", "\n```"


@dataclass(frozen=True)
class _Line:
    """One line as WhatsApp takes it."""

    text: str
    code: bool = False


def render(markdown: str, *, limit: int) -> list[str]:
    """Return the messages that say `markdown`, none over `limit` characters, none blank.

    Lines stay whole where they fit; a code block that is cut is closed and opened again. Raises
    ValueError for a limit under SHORTEST_LIMIT.
    """
    if limit < SHORTEST_LIMIT:
        raise ValueError(f"A message of under {SHORTEST_LIMIT} characters cannot be kept.")
    packer = _Packer(limit)
    for line in _lines(markdown):
        for chunk in _chunks(line.text, limit - len(_OPEN) - len(_CLOSE)):
            packer.add(_Line(chunk, line.code))
    return packer.messages()


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
    if limit < SHORTEST_LIMIT:
        raise ValueError(f"A message of under {SHORTEST_LIMIT} characters cannot be kept.")
    pieces: list[str] = []
    room = limit - min(_FRAME, limit // 2)
    rest = [cut for line in _clean(markdown).split("\n") for cut in _cuts(line, room)]
    fence = ""
    while rest:
        likely = _most_within(rest, _MOST_MARKDOWN * limit)
        count = max(1, _most(likely, partial(_lines_fit, rest, fence, limit)))
        taken, rest = rest[:count], rest[count:]
        pieces.append(_whole(taken, fence))
        fence = _fence_after(taken, fence)
    return [one.strip("\n") for one in pieces if render(one, limit=limit)]


class _Packer:
    """Packs lines into messages; the size it keeps is never below the real one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done: list[str] = []
        self._lines: list[_Line] = []
        self._size = 0

    def add(self, line: _Line) -> None:
        """Add a line; of several blank ones in a row the first is enough."""
        blank = not line.code and not line.text.strip()
        if blank and (not self._lines or not self._lines[-1].text.strip()):
            return
        if self._lines and self._size + self._cost(line) > self._limit:
            self._finish()
        self._size += self._cost(line)
        self._lines.append(line)

    def messages(self) -> list[str]:
        """Return the messages, none blank."""
        self._finish()
        return [one for one in self._done if one.strip("`\n\t ")]

    def _cost(self, line: _Line) -> int:
        begins = line.code and not (self._lines and self._lines[-1].code)
        return len(line.text) + (1 if self._lines else 0) + begins * len(_OPEN + _CLOSE)

    def _finish(self) -> None:
        self._done.append(_joined(self._lines))
        self._lines = []
        self._size = 0


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
        opening = _FENCE.match(line)
        if opening and not fence:
            fence = line if len(line) <= _FRAME else opening[1][:3]
        elif opening and _closes(line, fence):
            fence = ""
    return fence


def _closes(line: str, fence: str) -> bool:
    opened = _FENCE.match(fence)
    return bool(opened and line.strip().startswith(opened[1]) and not line.strip(" \t`~"))


def _cuts(line: str, room: int) -> Iterator[str]:
    """Cut a line that no message could hold behind a space, outside of links and marks."""
    while len(line) > room:
        beginning = line[:room]
        spans = [found.span() for found in _INLINE.finditer(line, 0, room + _FRAME)]
        spaces = (at for at in range(room, room // 2, -1) if beginning[at - 1].isspace())
        whole = (at for at in spaces if not any(begins < at < ends for begins, ends in spans))
        at = next(whole, room)
        yield line[:at]
        line = line[at:]
    yield line


def _lines(markdown: str) -> Iterator[_Line]:
    fence = ""
    table: list[str] = []
    for line in _clean(markdown).split("\n"):
        if not fence and _ROW.match(line):
            table.append(line)
            continue
        yield from _table(table)
        table = []
        opening = _FENCE.match(line)
        if fence:
            if opening and _closes(line, fence):
                fence = ""
            else:
                yield _Line(line.replace("```", "`\u200b`\u200b`"), code=True)
        elif opening:
            fence = line
        else:
            yield _Line(_prose(line))
    yield from _table(table)


def _clean(markdown: str) -> str:
    """Leave out what no message may hold: NUL, lone surrogates, foreign line ends."""
    text = markdown.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", "ignore").decode()


def _table(rows: list[str]) -> Iterator[_Line]:
    """Yield a table in fixed width: WhatsApp has none."""
    if len(rows) < 2 or not _DELIMITER.match(rows[1]):  # noqa: PLR2004 - head and delimiter
        yield from (_Line(_prose(row)) for row in rows)
        return
    cells = [
        [cell.strip() for cell in row.strip().strip("|").split("|")] for row in (rows[0], *rows[2:])
    ]
    columns = max(len(row) for row in cells)
    widths = [
        max((len(row[column]) for row in cells if column < len(row)), default=0)
        for column in range(columns)
    ]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield _Line("  ".join(padded).rstrip().replace("```", "'''"), code=True)


def _prose(line: str) -> str:
    if _RULE.match(line):
        return "———"
    heading = _HEADING.match(line)
    if heading:
        inside = _inline(heading[1].replace("**", "").replace("__", ""))
        return f"*{inside}*" if inside.strip() else ""
    item = _ITEM.match(line)
    if item:
        box = (item[2] or "").strip()
        mark = {"": "-", "[ ]": "☐"}.get(box, "☑")
        return f"{item[1]}{mark} {_inline(line[item.end() :])}"
    return _inline(line)


def _inline(text: str) -> str:
    """Convert one line; what is no Markdown goes through as it is."""
    return _INLINE.sub(_converted, text)


def _converted(match: re.Match[str]) -> str:
    parts = {name: value for name, value in match.groupdict().items() if value is not None}
    match parts:
        case {"inside": inside}:
            return f"`{inside}`"
        case {"url": url, "label": label}:
            words = label.strip()
            return f"{words} ({url})" if words and words != url else url
        case {"auto": url}:
            return url.removeprefix("mailto:")
        case {"escaped": character}:
            return character
        case _:
            [(style, inside)] = parts.items()
            mark = {"bold": "*", "strong": "*", "strike": "~", "italic": "_"}[style]
            return f"{mark}{_inline(inside)}{mark}"


def _chunks(line: str, room: int) -> Iterator[str]:
    """Cut a line where it is over `room`, between words where there are any."""
    if len(line) <= room:
        yield line
        return
    current = ""
    for atom in _ATOM.findall(line):
        for start in range(0, len(atom), room):
            piece = atom[start : start + room]
            if len(current) + len(piece) > room:
                yield current
                current = ""
            current += piece
    if current:
        yield current


def _joined(lines: list[_Line]) -> str:
    found: list[str] = []
    code = False
    for line in lines:
        if line.code is not code:
            found.append("```")
            code = line.code
        found.append(line.text)
    if code:
        found.append("```")
    return "\n".join(found).strip("\n")
