"""What a person may ask of Konstruct itself, recognised in a message's whole text. Pure.

A message is a command only if nothing else is in it: a guess inside a sentence would take words
from the agent. Every language's phrases hold everywhere, since people mix them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

from konstruct_messages.inbound import Command, InboundMessage
from konstruct_messages.translations import load_catalogues

_LONGEST = 64
_NO_WORD = re.compile(r"[^a-z0-9]+")


class Commands:
    """The phrases of all catalogues. Each msgid lists phrases, separated by `|`."""

    def __init__(self) -> None:
        self._known: dict[str, Command] = {}
        for catalogue in load_catalogues("konstruct_gateway").values():
            for command, phrases in _phrases(catalogue.gettext).items():
                for phrase in phrases.split("|"):
                    self._known[_plain(phrase)] = command

    def recognise(self, text: str) -> Command | None:
        """Return the command that `text` is, whatever its case, accents and punctuation."""
        if len(text) > _LONGEST:
            return None
        return self._known.get(_plain(text))

    def mark(self, message: InboundMessage) -> InboundMessage:
        """Return the message with the command it is; with a file it is words about the file."""
        command = None if message.attachments else self.recognise(message.text)
        return message if command is None else message.model_copy(update={"command": command})

    def slash_forms(self, _: Callable[[str], str]) -> Mapping[Command, str]:
        """Return the form of each command that is shown to people, in the language of `_`."""
        return {command: found.split("|")[0] for command, found in _phrases(_).items()}


def _phrases(_: Callable[[str], str]) -> Mapping[Command, str]:
    return {
        # Phrases that people write, separated by "|"; the first is the one shown to them.
        Command.HELP: _("/help|help|help me|commands"),
        Command.START_OVER: _("/restart|start over|new conversation|/new|/reset"),
        Command.STOP: _("/stop|stop|stop it|stop that|/cancel"),
        Command.HUMAN: _(
            "/human|talk to a human|talk to a person|speak to a human|speak to a person"
            "|i want to talk to a human|i want to talk to a person|human please"
            "|real person please|/agent"
        ),
    }


def _plain(text: str) -> str:
    """Return `text` without case, accents, punctuation and spare spaces; a leading slash stays."""
    bare = text.strip()
    if bare.isascii():
        # The same as below for most messages, at a tenth of the time.
        words = _NO_WORD.sub(" ", bare.lower()).split()
        return ("/" if bare.startswith("/") else "") + " ".join(words)
    slash = "/" if bare.startswith("/") else ""
    return slash + " ".join("".join(_letters(bare)).split())


def _letters(text: str) -> Iterator[str]:
    for letter in unicodedata.normalize("NFKD", text.casefold()):
        match unicodedata.category(letter)[0]:
            case "L" | "N":
                yield letter
            case "M":
                pass
            case "C" if letter in "\u200b\u200c\u200d\ufeff":
                pass
            case _:
                yield " "
