"""Markdown to Slack's mrkdwn, in messages that keep Slack's limit.

Everything the model writes is escaped, so that `<!channel>`, `<!here>` and `<@U...>` are words and
ping nobody; the only angle brackets that go out are those of links made here.
https://docs.slack.dev/messaging/formatting-message-text
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from konstruct_channels.slack.markup import plain

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
_LINKABLE = re.compile(r"(?:https?://|mailto:|tel:)[^\s<>|]+", re.IGNORECASE)
_ATOM = re.compile(r"<[^<>\n]*>|&(?:amp|lt|gt);|[ \t]+|[^\s<&]+|.", re.DOTALL)
_OPEN, _CLOSE = "```\n", "\n```"


@dataclass(frozen=True)
class _Line:
    """One line of mrkdwn, escaped."""

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


def read(mrkdwn: str) -> str:
    """Return a rendered message as the plain text a person sees."""
    return plain(mrkdwn)


def sections(mrkdwn: str, *, limit: int) -> list[str]:
    """Return a rendered message in parts of at most `limit` characters, its code blocks whole.

    Raises ValueError as `render` does.
    """
    if limit < SHORTEST_LIMIT:
        raise ValueError(f"A message of under {SHORTEST_LIMIT} characters cannot be kept.")
    packer = _Packer(limit)
    code = False
    for line in mrkdwn.split("\n"):
        if line == "```":
            code = not code
            continue
        for chunk in _chunks(line, limit - len(_OPEN) - len(_CLOSE)):
            packer.add(_Line(chunk, code))
    return packer.messages()


def escape(text: str) -> str:
    """Return `text` so that Slack shows it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
            if opening and opening[1].startswith(fence) and not line.strip(" \t`~"):
                fence = ""
            else:
                yield _Line(escape(line).replace("```", "`\u200b`\u200b`"), code=True)
        elif opening:
            fence = opening[1]
        else:
            yield _Line(_prose(line))
    yield from _table(table)


def _clean(markdown: str) -> str:
    """Leave out what no message may hold: NUL, lone surrogates, foreign line ends."""
    text = markdown.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", "ignore").decode()


def _table(rows: list[str]) -> Iterator[_Line]:
    """Yield a table in fixed width: mrkdwn has none."""
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
        yield _Line(escape("  ".join(padded).rstrip()).replace("```", "'''"), code=True)


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
        mark = {"": "•", "[ ]": "☐"}.get(box, "☑")
        return f"{item[1]}{mark} {_inline(line[item.end() :])}"
    return _inline(line)


def _inline(text: str) -> str:
    """Convert one line; what is no Markdown goes through escaped."""
    found: list[str] = []
    at = 0
    for match in _INLINE.finditer(text):
        found += (escape(text[at : match.start()]), _converted(match))
        at = match.end()
    found.append(escape(text[at:]))
    return "".join(found)


def _converted(match: re.Match[str]) -> str:
    parts = {name: value for name, value in match.groupdict().items() if value is not None}
    match parts:
        case {"inside": inside}:
            return f"`{escape(inside)}`"
        case {"url": url, "label": label}:
            return _link(url, label)
        case {"auto": url}:
            return _link(url, "")
        case {"escaped": character}:
            return escape(character)
        case _:
            return _styled(parts)


def _styled(parts: dict[str, str]) -> str:
    [(style, inside)] = parts.items()
    mark = {"bold": "*", "strong": "*", "strike": "~", "italic": "_"}[style]
    return f"{mark}{_inline(inside)}{mark}"


def _link(url: str, label: str) -> str:
    words = escape(label.replace("|", "/").strip())
    if not _LINKABLE.fullmatch(url):
        # `<!channel|x>` and `<@U1|x>` would be made here; they stay words.
        return f"{words} ({escape(url)})" if words else escape(url)
    target = url.replace("&", "&amp;")
    return f"<{target}|{words}>" if words else f"<{target}>"


def _chunks(line: str, room: int) -> Iterator[str]:
    """Cut a line where it is over `room`: between words, never inside of an escape or a link."""
    if len(line) <= room:
        yield line
        return
    current = ""
    for atom in _ATOM.findall(line):
        for piece in _halves(atom, room):
            if len(current) + len(piece) > room:
                yield current
                current = ""
            current += piece
    if current:
        yield current


def _halves(atom: str, room: int) -> Iterator[str]:
    if len(atom) <= room:
        yield atom
        return
    if atom.startswith("<"):
        yield from _chunks(escape(plain(atom)), room)
        return
    for start in range(0, len(atom), room):
        yield atom[start : start + room]


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
