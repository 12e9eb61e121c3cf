"""Sentences for the terminal: marked where they are written, translated where they are shown."""

from collections.abc import Mapping

from konstruct_messages.translations import choose_language, load_catalogues

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def mark(sentence: str) -> str:
    """Return `sentence` as it is: the name under which it is imported marks it for extraction."""
    return sentence


class Words:
    """One person's language: turns a marked sentence and its values into what is shown."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = load_catalogues("konstruct_local")[language]

    def __call__(self, sentence: str, **values: object) -> str:
        """Return `sentence` in this language, with `{name}` replaced by the value of `name`."""
        text = self._catalogue.gettext(sentence)
        return text.format(**values) if values else text


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language a POSIX environment asks for, best wish first; English by default."""
    wanted = (
        one.split(".")[0].split("@")[0]
        for name in _VARIABLES
        for one in environment.get(name, "").split(":")
    )
    return choose_language(*(one for one in wanted if one))
