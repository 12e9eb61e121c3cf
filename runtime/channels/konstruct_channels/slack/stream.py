"""When and what a native stream is given: pure, with the clock passed in.

A stream stays in the mode it began in, so all text goes in chunks. Slack ends a stream about five
minutes after its start, however much is appended; it is left before that. White space at the
beginning of a chunk is lost, so a chunk ends with it. What the model writes must ping nobody: a
mention is broken by a zero-width space, and never cut in two.
https://docs.slack.dev/reference/methods/chat.appendStream
"""

import re
from dataclasses import dataclass, field
from typing import Any

from konstruct_channels.live import Progress

LONGEST_STREAM_SECONDS = 240.0
SECONDS_BETWEEN = 1.0
MOST_CHARACTERS = 11_000
"""Of one stream altogether; a chunk may have 12,000, and one message is one answer."""

LONGEST_TITLE = 256
_LONGEST_PIECE = 4_000
_LONGEST_WORD = 400
_LONGEST_MENTION = 24
_PING = re.compile(
    r"<(?=!(?:channel|here|everyone|subteam)|@[a-z0-9])|(?<![\w@])@(?=(?:channel|here|everyone)\b)",
    re.IGNORECASE,
)
_ANEW = "\n\n"


@dataclass(frozen=True)
class Append:
    """Give the stream these chunks, then call `StreamPlan.done`."""

    chunks: tuple[dict[str, Any], ...]
    sent: str
    characters: int
    tasks: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Over:
    """Leave the stream: it will not live much longer."""


@dataclass(frozen=True)
class Wait:
    """There is nothing to do for so many seconds."""

    seconds: float


@dataclass
class StreamPlan:
    """One stream, from its start at `began` (seconds of the caller's clock)."""

    began: float
    sent: str = ""
    """What of the present text the stream has."""
    written: int = 0
    torn: bool = False
    """Whether it may show something else than the present text from its beginning."""
    last: float = field(default=float("-inf"))
    tasks: tuple[tuple[str, bool], ...] = ()

    def next(self, progress: Progress, now: float) -> Append | Over | Wait:
        """Return what is to be done now to show `progress`."""
        left = self.began + LONGEST_STREAM_SECONDS - now
        if left <= 0:
            return Over()
        due = self.last + SECONDS_BETWEEN - now
        if due > 0:
            return Wait(min(due, left))
        chunks, tasks = self._tasks(progress)
        text, sent = present_text(progress), self.sent
        prefix = ""
        if not text.startswith(sent):
            prefix, sent = _ANEW, ""
        rest = text[len(sent) :]
        room = min(_LONGEST_PIECE, MOST_CHARACTERS - self.written - len(prefix))
        piece = rest[: cut(rest, limit=room, ended=progress.ended)] if room > 0 else ""
        said = safe(prefix + piece) if piece else ""
        if said:
            chunks = (*chunks, {"type": "markdown_text", "text": said})
        if not chunks:
            return Wait(min(SECONDS_BETWEEN, left))
        return Append(chunks, sent + piece if piece else self.sent, len(said), tasks)

    def done(self, append: Append, now: float, *, surely: bool = True) -> None:
        """Remember that the stream has `append`; not `surely`: it may have it."""
        self.torn |= not surely or (bool(self.sent) and not append.sent.startswith(self.sent))
        self.sent, self.tasks = append.sent, append.tasks
        self.written += append.characters
        self.last = now

    def shows(self, progress: Progress) -> bool:
        """Tell whether people see exactly the text of an ended `progress`."""
        return progress.ended and not self.torn and self.sent == present_text(progress)

    def _tasks(
        self, progress: Progress
    ) -> tuple[tuple[dict[str, Any], ...], tuple[tuple[str, bool], ...]]:
        tasks = tuple((one.text, one.done or progress.ended) for one in progress.doing)
        chunks = tuple(
            {
                "type": "task_update",
                "id": f"step-{number}",
                "title": safe(title)[:LONGEST_TITLE],
                "status": "complete" if done else "in_progress",
            }
            for number, (title, done) in enumerate(tasks)
            if self.tasks[number : number + 1] != ((title, done),)
        )
        return chunks, tasks


def present_text(progress: Progress) -> str:
    """Return the text that people should see: white space around it is no part of a reply."""
    text = progress.text.replace("\x00", "").lstrip()
    return text.rstrip() if progress.ended else text


def cut(text: str, *, limit: int, ended: bool) -> int:
    """Return how much of `text` may be said now, at most `limit` characters.

    It ends where a word begins, so that neither white space nor a mention is torn; a word that
    does not end is cut in the middle, but not in what may become a mention.
    """
    if ended and len(text) <= limit:
        return len(text)
    for end in range(min(limit, len(text) - 1), 0, -1):
        if text[end - 1].isspace() and not text[end].isspace():
            return end
    if min(len(text), limit) < _LONGEST_WORD and len(text) <= limit:
        return 0
    # One character stays, so that what follows does not begin with white space.
    end = len(text[: min(limit, len(text))].rstrip()) - 1
    if end <= 0:
        return 0
    mention = max(text.rfind("<", 0, end), text.rfind("@", 0, end))
    if mention > 0 and text[mention - 1] == "<":
        mention -= 1
    return mention if mention > 0 and end - mention < _LONGEST_MENTION else end


def safe(text: str) -> str:
    """Return `text` so that nothing in it can ping anybody, wherever it stands."""
    return _PING.sub(lambda found: found[0] + "\u200b", text)
