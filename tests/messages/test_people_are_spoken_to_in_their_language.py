"""Catalogues come from `.po` files, and the best language that we speak is chosen."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct_messages.translations import LANGUAGES, choose_language, load_catalogues

_PO = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Your session has ended."
msgstr "{session}"

msgid "%(count)d message"
msgid_plural "%(count)d messages"
msgstr[0] "%(count)d {one}"
msgstr[1] "%(count)d {many}"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "package_with_catalogues"
    texts = {
        "es": ("La sesión ha terminado.", "mensaje", "mensajes"),
        "pt": ("A sessão terminou.", "mensagem", "mensagens"),
    }
    for language, (session, one, many) in texts.items():
        folder = tmp_path / name / "locale" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        text = _PO.format(session=session, one=one, many=many)
        (folder / "messages.po").write_text(text, encoding="utf-8")
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_every_language_has_its_catalogue(package: str) -> None:
    catalogues = load_catalogues(package)
    assert tuple(catalogues) == LANGUAGES
    said = [catalogues[one].gettext("Your session has ended.") for one in LANGUAGES]
    assert said == ["Your session has ended.", "La sesión ha terminado.", "A sessão terminou."]


def test_plurals_follow_the_language(package: str) -> None:
    spanish = load_catalogues(package)["es"]
    said = [spanish.ngettext("%(count)d message", "%(count)d messages", n) for n in (0, 1, 2)]
    assert said == ["%(count)d mensajes", "%(count)d mensaje", "%(count)d mensajes"]


def test_a_sentence_nobody_translated_stays_english(package: str) -> None:
    assert load_catalogues(package)["pt"].gettext("Something new.") == "Something new."


def test_a_missing_catalogue_is_an_error(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "locale" / "pt" / "LC_MESSAGES" / "messages.po").unlink()
    with pytest.raises(FileNotFoundError):
        load_catalogues(package)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ((), "en"),
        (("",), "en"),
        (("es",), "es"),
        (("pt-BR",), "pt"),
        (("PT_br",), "pt"),
        (("es-419", "pt"), "es"),
        (("fr", "pt"), "pt"),
        (("fr", ""), "en"),
        (("est",), "en"),
        (("zh-Hant-TW", "en-GB", "es"), "en"),
    ],
)
def test_the_first_language_we_speak_wins(wanted: tuple[str, ...], chosen: str) -> None:
    assert choose_language(*wanted) == chosen


@given(st.lists(st.text()))
def test_whatever_is_wanted_we_speak_what_is_chosen(wanted: list[str]) -> None:
    assert choose_language(*wanted) in LANGUAGES
