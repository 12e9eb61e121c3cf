"""Markdown of our own manuals as HTML: headings, lists, tables, code, links. Pure.

Everything is escaped; only http(s) addresses become links. Code blocks get a button to copy them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape

_FENCE = re.compile(r"^```(\w*)\s*$")
_HEADING = re.compile(r"^(#{1,4})\s+(.*)$")
_ITEM = re.compile(r"^(\d+\.|[-*])(\s+)(.*)$")
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\[(?P<label>[^\]]+)\]\((?P<target>https?://[^)\s]+)\)"
    r"|<(?P<address>https?://[^>\s]+)>"
    r"|\*\*(?P<strong>[^*]+)\*\*"
    r"|\*(?P<em>[^*\s][^*]*)\*"
)

_SECTION = 2

CopyButton = Callable[[str], Markup]
"""Returns a button that copies a text."""


@dataclass(frozen=True)
class Manual:
    """A rendered manual: its title, what comes first, and its sections with their headings."""

    title: str
    body: Markup
    sections: tuple[tuple[str, Markup], ...] = ()


def render(text: str, *, copy_button: CopyButton) -> Manual:
    """Return a manual as HTML; its first heading is the title, `##` begins a section."""
    lines = text.replace("\r\n", "\n").split("\n")
    title = ""
    for number, line in enumerate(lines):
        found = _HEADING.match(line)
        if found and len(found[1]) == 1:
            title = found[2].strip()
            del lines[number]
            break
    parts = _sections(lines)
    sections = [(heading, _blocks(inner, copy_button)) for heading, inner in parts[1:]]
    return Manual(title, _blocks(parts[0][1], copy_button), tuple(sections))


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Return the lines by section; what comes before the first heading has none."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in lines:
        fenced ^= bool(_FENCE.match(line))
        found = _HEADING.match(line)
        if found and len(found[1]) == _SECTION and not fenced:
            parts.append((found[2].strip(), []))
        else:
            parts[-1][1].append(line)
    return parts


def _blocks(lines: list[str], copy_button: CopyButton) -> Markup:
    made = Markup()
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif _FENCE.match(line):
            at, html = _code(lines, at, copy_button)
            made += html
        elif found := _HEADING.match(line):
            level = min(len(found[1]) + 1, 4)
            made += Markup("<h{0}>{1}</h{0}>").format(level, _inline(found[2]))
            at += 1
        elif _ITEM.match(line):
            at, html = _list(lines, at, copy_button)
            made += html
        elif line.startswith("|") and at + 1 < len(lines) and lines[at + 1].startswith("|"):
            at, html = _table(lines, at)
            made += html
        else:
            at, html = _paragraph(lines, at)
            made += html
    return made


def _code(lines: list[str], at: int, copy_button: CopyButton) -> tuple[int, Markup]:
    end = at + 1
    while end < len(lines) and not _FENCE.match(lines[end]):
        end += 1
    text = "\n".join(lines[at + 1 : end])
    html = Markup(
        '<div class="manual-code"><pre tabindex="0"><code>{0}</code></pre>{1}</div>'
    ).format(text, copy_button(_without_prompt(text)))
    return end + 1, html


def _list(lines: list[str], at: int, copy_button: CopyButton) -> tuple[int, Markup]:
    """Read a list; an item goes on over indented lines and blank ones between them."""
    first = _ITEM.match(lines[at])
    ordered = bool(first and first[1][0].isdigit())
    items: list[Markup] = []
    while at < len(lines) and (found := _ITEM.match(lines[at])):
        if found[1][0].isdigit() is not ordered:
            break
        indent = len(found[1]) + len(found[2])
        inner = [found[3]]
        at += 1
        while at < len(lines) and (
            lines[at].startswith(" " * indent) or _goes_on(lines, at, indent)
        ):
            inner.append(lines[at][indent:])
            at += 1
        items.append(_item(inner, copy_button))
        at = _next_item(lines, at)
    tag = "ol" if ordered else "ul"
    return at, Markup("<{0}>{1}</{0}>").format(tag, Markup().join(items))


def _goes_on(lines: list[str], at: int, indent: int) -> bool:
    """Tell whether a blank line is followed by more of the same item."""
    if lines[at].strip():
        return False
    following = next((one for one in lines[at:] if one.strip()), "")
    return following.startswith(" " * indent)


def _next_item(lines: list[str], at: int) -> int:
    """Return where the list goes on after blank lines, or `at` where it does not."""
    following = at
    while following < len(lines) and not lines[following].strip():
        following += 1
    return following if following < len(lines) and _ITEM.match(lines[following]) else at


def _item(lines: list[str], copy_button: CopyButton) -> Markup:
    html = _blocks(lines, copy_button)
    if html.count("<p>") == 1 and html.startswith("<p>") and html.endswith("</p>"):
        html = Markup(html[3:-4])  # noqa: S704 - our own rendering, escaped above
    return Markup("<li>{0}</li>").format(html)


def _table(lines: list[str], at: int) -> tuple[int, Markup]:
    rows: list[list[str]] = []
    while at < len(lines) and lines[at].startswith("|"):
        rows.append([cell.strip() for cell in lines[at].strip().strip("|").split("|")])
        at += 1
    head, body = rows[0], rows[2:]
    heads = Markup().join(Markup('<th scope="col">{0}</th>').format(_inline(one)) for one in head)
    made = Markup()
    for row in body:
        cells = Markup().join(Markup("<td>{0}</td>").format(_inline(one)) for one in row)
        made += Markup("<tr>{0}</tr>").format(cells)
    html = Markup(
        '<div class="manual-table"><table><thead><tr>{0}</tr></thead><tbody>{1}</tbody></table>'
        "</div>"
    ).format(heads, made)
    return at, html


def _paragraph(lines: list[str], at: int) -> tuple[int, Markup]:
    taken: list[str] = []
    while at < len(lines) and lines[at].strip() and not _begins_block(lines[at], bool(taken)):
        taken.append(lines[at].strip())
        at += 1
    return at, Markup("<p>{0}</p>").format(_inline(" ".join(taken)))


def _begins_block(line: str, inside: bool) -> bool:  # noqa: FBT001 - one caller, two lines above
    return inside and bool(_FENCE.match(line) or _HEADING.match(line) or _ITEM.match(line))


def _inline(text: str) -> Markup:
    made = Markup()
    at = 0
    for found in _INLINE.finditer(text):
        made += escape(text[at : found.start()]) + _span(found)
        at = found.end()
    return made + escape(text[at:])


def _span(found: re.Match[str]) -> Markup:
    link = Markup('<a href="{0}" target="_blank" rel="noopener">{1}</a>')
    match found.lastgroup:
        case "code":
            return Markup("<code>{0}</code>").format(found["code"])
        case "address":
            return link.format(found["address"], found["address"])
        case "strong":
            return Markup("<strong>{0}</strong>").format(found["strong"])
        case "em":
            return Markup("<em>{0}</em>").format(found["em"])
        case _:
            return link.format(found["target"], found["label"])


def _without_prompt(text: str) -> str:
    """Return what is to be pasted: a console's commands without their `$ `."""
    lines = text.split("\n")
    if not any(one.startswith("$ ") for one in lines):
        return text
    return "\n".join(one.removeprefix("$ ") for one in lines)
