"""Templates: messages that a vendor approved beforehand, for whoever writes first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Template:
    """A template as its vendor lists it.

    `state` and `category` are the vendor's words, `words` its text.
    """

    name: str
    language: str
    state: str
    category: str = ""
    quality: str = ""
    words: str = ""
