"""Markdown in a vendor's own marks, cut into messages that keep its limit. Pure.

What the model writes is read line by line; what a channel knows of its vendor is a `Markup`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

SHORTEST_LIMIT = 32
"""No limit below this can be kept: a code block's own lines need room."""
FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
"""A line that opens or closes a code block; its first group are the ticks."""
INLINE = re.compile(
    r"(?P<code>(?P<ticks>`{1,3})(?P<inside>[^`\n]{1,4000})(?P=ticks))"
    r"|\\(?P<escaped>[\\`*_{}\[\]()#+.!~>|-])"
    r"|!?\[(?P<label>[^\[\]\n]{0,400})\]\((?P<url>[^\s()]{1,2000})(?:[ \t]+\"[^\"\n]{0,200}\")?\)"
    r"|<(?P<auto>(?:https?://|mailto:)[^\s<>|]{1,2000})>"
    r"|\*\*(?P<bold>(?=\S)[^*\n]{1,500}(?:\*[^*\n]{1,200}\*[^*\n]{0,200})?)\*\*"
    r"|(?<!\w)__(?P<strong>(?=\S)[^_\n]{1,500})__(?!\w)"
    r"|~~(?P<strike>(?=\S)[^~\n]{1,500})~~"
    r"|(?<![\w*])\*(?P<italic>(?=[^\s*])[^*\n]{1,500})(?<=\S)\*(?![\w*])"
)
"""What is marked within a line: it stays whole."""

_HEADING = re.compile(r"^\s{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_RULE = re.compile(r"^\s{0,3}([-*_])([ \t]*\1){2,}[ \t]*$")
_ITEM = re.compile(r"^([ \t]*)[-*+][ \t]+(\[[ xX]\][ \t]+)?")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_DELIMITER = re.compile(r"^\s*\|?[ \t:|-]*-[ \t:|-]*\|?\s*$")
_OPEN, _CLOSE = "```\n", "\n```"


@dataclass(frozen=True)
class Line:
    """One line in the vendor's marks."""

    text: str
    code: bool = False


@dataclass(frozen=True)
class Markup:
    """What one vendor's marks are, where they differ; bold, italic, strike and code are alike.

    `escape` makes words that the vendor shows as they are; `link` an address with its label (None:
    it stood alone); `pieces` cuts a line's text into what may be parted, none over that many
    characters.
    """

    bullet: str
    escape: Callable[[str], str]
    link: Callable[[str, str | None], str]
    pieces: Callable[[str, int], Iterator[str]]

    def render(self, markdown: str, *, limit: int) -> list[str]:
        """Return the messages that say `markdown`, none over `limit` characters, none blank.

        Lines stay whole where they fit; a code block that is cut is closed and opened again. Raises
        ValueError for a limit under SHORTEST_LIMIT.
        """
        return self.pack(self._lines(markdown), limit=limit)

    def pack(self, lines: Iterable[Line], *, limit: int) -> list[str]:
        """Return lines in messages as `render` does. Raises ValueError as it does."""
        require_limit(limit)
        packer = _Packer(limit)
        for line in lines:
            for chunk in self.chunks(line.text, limit - len(_OPEN) - len(_CLOSE)):
                packer.add(Line(chunk, line.code))
        return packer.messages()

    def chunks(self, line: str, room: int) -> Iterator[str]:
        """Cut a line where it is over `room` characters, between its pieces."""
        if len(line) <= room:
            yield line
            return
        current = ""
        for piece in self.pieces(line, room):
            if len(current) + len(piece) > room:
                yield current
                current = ""
            current += piece
        if current:
            yield current

    def _lines(self, markdown: str) -> Iterator[Line]:
        ticks = ""
        table: list[str] = []
        for line in clean(markdown).split("\n"):
            if not ticks and _ROW.match(line):
                table.append(line)
                continue
            yield from self._table(table)
            table = []
            opening = FENCE.match(line)
            if ticks and closes(line, ticks):
                ticks = ""
            elif ticks:
                yield Line(self.escape(line).replace("```", "`\u200b`\u200b`"), code=True)
            elif opening:
                ticks = opening[1]
            else:
                yield Line(self._prose(line))
        yield from self._table(table)

    def _table(self, rows: list[str]) -> Iterator[Line]:
        """Yield a table in fixed width: no vendor's marks have one."""
        if len(rows) < 2 or not _DELIMITER.match(rows[1]):  # noqa: PLR2004 - head and delimiter
            yield from (Line(self._prose(row)) for row in rows)
            return
        cells = [
            [cell.strip() for cell in row.strip().strip("|").split("|")]
            for row in (rows[0], *rows[2:])
        ]
        columns = max(len(row) for row in cells)
        widths = [
            max((len(row[column]) for row in cells if column < len(row)), default=0)
            for column in range(columns)
        ]
        for row in cells:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            words = self.escape("  ".join(padded).rstrip())
            yield Line(words.replace("```", "'''"), code=True)

    def _prose(self, line: str) -> str:
        if _RULE.match(line):
            return "———"
        heading = _HEADING.match(line)
        if heading:
            inside = self._inline(heading[1].replace("**", "").replace("__", ""))
            return f"*{inside}*" if inside.strip() else ""
        item = _ITEM.match(line)
        if item:
            box = (item[2] or "").strip()
            mark = {"": self.bullet, "[ ]": "☐"}.get(box, "☑")
            return f"{item[1]}{mark} {self._inline(line[item.end() :])}"
        return self._inline(line)

    def _inline(self, text: str) -> str:
        """Convert one line; what is no Markdown goes through escaped."""
        found: list[str] = []
        at = 0
        for match in INLINE.finditer(text):
            found += (self.escape(text[at : match.start()]), self._converted(match))
            at = match.end()
        found.append(self.escape(text[at:]))
        return "".join(found)

    def _converted(self, match: re.Match[str]) -> str:
        parts = {name: value for name, value in match.groupdict().items() if value is not None}
        match parts:
            case {"inside": inside}:
                return f"`{self.escape(inside)}`"
            case {"url": url, "label": label}:
                return self.link(url, label)
            case {"auto": url}:
                return self.link(url, None)
            case {"escaped": character}:
                return self.escape(character)
            case _:
                [(style, inside)] = parts.items()
                mark = {"bold": "*", "strong": "*", "strike": "~", "italic": "_"}[style]
                return f"{mark}{self._inline(inside)}{mark}"


def clean(markdown: str) -> str:
    """Leave out what no message may hold: NUL, lone surrogates, foreign line ends."""
    text = markdown.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", "ignore").decode()


def closes(line: str, ticks: str) -> bool:
    """Tell whether a line closes the code block that `ticks` opened."""
    closing = FENCE.match(line)
    return bool(closing and closing[1].startswith(ticks) and not line.strip(" \t`~"))


def require_limit(limit: int) -> None:
    """Raise ValueError for a limit that cannot be kept."""
    if limit < SHORTEST_LIMIT:
        raise ValueError(f"A message of under {SHORTEST_LIMIT} characters cannot be kept.")


class _Packer:
    """Packs lines into messages; the size it keeps is never below the real one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done: list[str] = []
        self._lines: list[Line] = []
        self._size = 0

    def add(self, line: Line) -> None:
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

    def _cost(self, line: Line) -> int:
        begins = line.code and not (self._lines and self._lines[-1].code)
        return len(line.text) + (1 if self._lines else 0) + begins * len(_OPEN + _CLOSE)

    def _finish(self) -> None:
        self._done.append(_joined(self._lines))
        self._lines = []
        self._size = 0


def _joined(lines: list[Line]) -> str:
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
