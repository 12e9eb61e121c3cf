"""What a person sees of a reply in the making: pieces, corrections, the recorded text. Pure."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stream:
    """The reply of one turn as it grows. `shown` is what the person has seen of it."""

    attempt: int = 0
    text: str = ""
    broken: bool = False

    def take(self, attempt: int, offset: int, text: str) -> str:
        """Return what to show for one piece; pieces may be lost, and a new attempt starts over."""
        if attempt < self.attempt:
            return ""
        restarted = ""
        if attempt > self.attempt:
            restarted = "\n" if self.text else ""
            self.attempt, self.text, self.broken = attempt, "", False
        if offset > len(self.text) or self.broken:
            self.broken = True
            return ""
        fresh = text[len(self.text) - offset :]
        self.text += fresh
        return restarted + fresh

    def finish(self, text: str) -> str:
        """Return what is left to show so that the person has seen the recorded `text`."""
        if text.startswith(self.text):
            return text[len(self.text) :]
        return ("\n" if self.text else "") + text


@dataclass(frozen=True)
class Question:
    """A question with choices, as a terminal shows it: numbered from 1."""

    ask: str
    choices: tuple[tuple[str, str], ...]
    """Key and label of each choice."""

    def lines(self) -> str:
        """Return the choices as they are shown below the question."""
        return "".join(f"\n  {n}. {label}" for n, (_, label) in enumerate(self.choices, start=1))

    def key(self, line: str) -> str:
        """Return the key that a typed line chooses, by number or by label; empty if it is words."""
        typed = line.strip()
        if typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= len(self.choices):
            return self.choices[int(typed) - 1][0]
        return next(
            (key for key, label in self.choices if label.casefold() == typed.casefold()), ""
        )


def question_of(frame: dict[str, Any]) -> Question:
    """Return the question that an `ask` frame is."""
    choices = tuple((str(one["key"]), str(one["label"])) for one in frame.get("choices", ()))
    return Question(str(frame.get("id", "")), choices)


@dataclass
class Reader:
    """Turns frames into text for a terminal, and knows how far the person has read."""

    after: int = 0
    streams: dict[str, Stream] = field(default_factory=dict)

    def delta(self, frame: dict[str, Any]) -> str:
        """Return what to show for a `delta` frame."""
        stream = self.streams.setdefault(str(frame.get("turn", "")), Stream())
        return stream.take(
            int(frame.get("attempt", 1)), int(frame.get("offset", 0)), str(frame.get("text", ""))
        )

    def reply(self, frame: dict[str, Any]) -> str:
        """Return what is left to show for a `reply` frame."""
        self.saw(frame)
        stream = self.streams.pop(str(frame.get("turn", "")), Stream())
        return stream.finish(str(frame.get("text", "")))

    def took(self, seq: int) -> None:
        """Remember the number that a message of ours got.

        It is the newest of the conversation: a higher one that is remembered is from a database
        that is no longer there.
        """
        self.after = seq

    def saw(self, frame: dict[str, Any]) -> None:
        """Remember a frame's sequence number, if it has one."""
        seq = frame.get("seq")
        if isinstance(seq, int):
            self.after = max(self.after, seq)
