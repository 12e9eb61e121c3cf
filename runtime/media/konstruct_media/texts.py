"""The words of a document, bounded. Hostile files are read in a process of their own.

`extract` is for the caller; the module itself, run as a program, is that process.
"""

import asyncio
import contextlib
import csv
import io
import resource
import sys
from html.parser import HTMLParser

from konstruct_media.kinds import PDF, TEXTS

MOST_CHARACTERS = 40_000
"""What is kept of a document's words."""

MOST_BYTES = 20 * 1024 * 1024
"""A larger document is not read at all."""

_SECONDS = 20.0
_CPU_SECONDS = 15
_MEMORY_BYTES = 1024 * 1024 * 1024
_PAGES = 200
_SKIPPED = frozenset({"script", "style", "template", "noscript", "svg", "head"})
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section"})


async def extract(data: bytes, media_type: str) -> str:
    """Return the words of a document, at most MOST_CHARACTERS; empty where it has none to be had.

    Never raises for what the document is. A PDF is read by another process with little memory and
    time, because it may be made to take all of both.
    """
    if len(data) > MOST_BYTES:
        return ""
    if media_type == PDF:
        return await _in_another_process(data)
    return words_of(data, media_type) if media_type in TEXTS else ""


def words_of(data: bytes, media_type: str) -> str:
    """Return the words of a text document. Pure."""
    text = data.decode("utf-8-sig", errors="replace")
    if media_type == "text/html":
        reader = _Words()
        with contextlib.suppress(AssertionError, ValueError):
            reader.feed(text[: MOST_CHARACTERS * 50])
        text = reader.text()
    elif media_type == "text/csv":
        text = _table(text)
    return _bounded(text)


def _bounded(text: str) -> str:
    kept = "".join(letter for letter in text if letter in "\n\t" or letter.isprintable())
    return kept.strip()[:MOST_CHARACTERS]


def _table(text: str) -> str:
    """Return rows with one separator, whatever the file's own is; as it is, if it is no table."""
    head = text[:10_000]
    try:
        dialect = csv.Sniffer().sniff(head, delimiters=",;\t|")
        rows = csv.reader(io.StringIO(text[: MOST_CHARACTERS * 4]), dialect)
        return "\n".join(" | ".join(row) for row in rows)
    except csv.Error:
        return text


class _Words(HTMLParser):
    """Collects what a page says, without what it does."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where something begins that is not said."""
        del attrs
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag in _BREAKS:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Note its end."""
        if tag in _SKIPPED and self._skipping:
            self._skipping -= 1

    def handle_data(self, data: str) -> None:
        """Keep what is said."""
        if not self._skipping:
            self._parts.append(data)

    def text(self) -> str:
        """Return the words, one line per block."""
        lines = (" ".join(line.split()) for line in "".join(self._parts).split("\n"))
        return "\n".join(line for line in lines if line)


async def _in_another_process(data: bytes) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            text, _ = await process.communicate(data)
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _bounded(text.decode("utf-8", errors="replace")) if process.returncode == 0 else ""


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    from pypdf import PdfReader  # noqa: PLC0415 - only this process pays for it

    left = MOST_CHARACTERS
    reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
    for number in range(min(len(reader.pages), _PAGES)):
        found = reader.pages[number].extract_text()[:left]
        sys.stdout.buffer.write(found.encode("utf-8", errors="replace") + b"\n")
        left -= len(found)
        if left <= 0:
            break


if __name__ == "__main__":
    _main()
