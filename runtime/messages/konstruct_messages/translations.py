"""Sentences to people: a package's gettext catalogues (en, es, pt), read from its `.po` files.

The source language is English; a `.po` file lies in `<package>/locale/<language>/LC_MESSAGES/`
and is compiled in memory, so that a catalogue can never lag behind its source.
"""

import gettext
import io
from collections.abc import Mapping
from importlib import resources

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "es", "pt")
DEFAULT_LANGUAGE = "en"


def load_catalogues(package: str) -> Mapping[str, gettext.NullTranslations]:
    """Return the translations of `package` by language; English is the source itself.

    Raises FileNotFoundError when a language's catalogue is missing.
    """
    catalogues: dict[str, gettext.NullTranslations] = {DEFAULT_LANGUAGE: gettext.NullTranslations()}
    for language in LANGUAGES:
        if language == DEFAULT_LANGUAGE:
            continue
        path = resources.files(package) / "locale" / language / "LC_MESSAGES" / "messages.po"
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        catalogues[language] = gettext.GNUTranslations(compiled)
    return catalogues


def choose_language(*wanted: str) -> str:
    """Return the first of `wanted` (BCP 47 tags, best first) that we speak, else English."""
    for tag in wanted:
        language = tag.replace("_", "-").split("-", 1)[0].lower()
        if language in LANGUAGES:
            return language
    return DEFAULT_LANGUAGE
