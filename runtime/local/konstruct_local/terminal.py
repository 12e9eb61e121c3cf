"""The terminal: where sentences are shown, in the person's language."""

import os
import sys
from typing import TextIO

from konstruct_local.errors import InvalidResources, LocalError
from konstruct_local.words import Words


class Terminal:
    """Says sentences on standard output and complaints on standard error."""

    def __init__(
        self, words: Words, *, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.words = words
        self._given_out = out
        self._given_err = err

    @property
    def _out(self) -> TextIO:
        return self._given_out or sys.stdout

    @property
    def _err(self) -> TextIO:
        return self._given_err or sys.stderr

    @property
    def lively(self) -> bool:
        """Whether a person looks on: standard output is a terminal, not a pipe or a file."""
        return self._out.isatty()

    @property
    def colourful(self) -> bool:
        """Whether colours are shown: to a person who has not asked for none (NO_COLOR)."""
        return self.lively and not os.environ.get("NO_COLOR")

    def say(self, sentence: str, **values: object) -> None:
        """Print one translated sentence."""
        self.show(self.words(sentence, **values))

    def show(self, text: str, *, end: str = "\n") -> None:
        """Print text that is nobody's sentence: an address, a reply, a piece of one."""
        self._out.write(text + end)
        self._out.flush()

    def complain(self, sentence: str, **values: object) -> None:
        """Print one translated sentence on standard error."""
        self.murmur(self.words(sentence, **values))

    def murmur(self, text: str) -> None:
        """Print text on standard error as it is."""
        self._err.write(text + "\n")
        self._err.flush()

    def tell(self, error: LocalError) -> None:
        """Print what went wrong and what to do about it."""
        if isinstance(error, InvalidResources):
            for fault in error.faults:
                self.murmur(str(fault))
        else:
            self.complain(error.sentence, **error.values)
