"""What the portal shows of a channel's folder is there, in every language that pages speak."""

import gettext
import re
from importlib import resources

import pytest

from konstruct_channels.catalogue import has_half, load_specs
from konstruct_channels.presentation import load_words, offer_app, read_icon, read_setup, sentences
from konstruct_channels.spec import ChannelSpec
from konstruct_messages.translations import LANGUAGES

SPECS = [one for one in load_specs().values() if has_half(one, "inbound")]
NAMES = {"webhook_url", "public_url", "tenant", "namespace", "connection"}

every_channel = pytest.mark.parametrize("spec", SPECS, ids=lambda one: one.folder)


@every_channel
def test_every_word_of_a_declaration_is_translated(spec: ChannelSpec) -> None:
    words = load_words(load_specs())
    for language in LANGUAGES[1:]:
        untranslated = [one for one in sentences(spec) if not _is_known(words[language], one)]
        assert untranslated == [], language


@every_channel
def test_the_manual_is_there_in_every_language_with_the_same_steps(spec: ChannelSpec) -> None:
    folder = resources.files("konstruct_channels") / spec.folder
    english = read_setup(spec, "en")
    assert english.startswith(f"# {spec.title}\n")
    for language in LANGUAGES[1:]:
        text = (folder / f"setup.{language}.md").read_text()
        assert text == read_setup(spec, language)
        assert text.startswith("# ")
        assert text != english
        assert _shape(text) == _shape(english), language


@every_channel
def test_a_manual_names_only_what_the_portal_fills_in(spec: ChannelSpec) -> None:
    for language in LANGUAGES:
        named = set(re.findall(r"{{ *(\w+) *}}", read_setup(spec, language)))
        assert named <= NAMES


@every_channel
def test_the_icon_is_a_drawing_that_loads_nothing(spec: ChannelSpec) -> None:
    icon = read_icon(spec)
    assert icon.startswith("<svg ")
    assert len(icon) < 4096
    for word in ("<script", "<image", "href", "url(", "<style", "<!"):
        assert word not in icon


def test_a_slack_app_is_made_from_a_link() -> None:
    spec = load_specs()["Slack"]
    offer = offer_app(spec, "https://k.example/hooks/slack/a/b", name="", language="pt", config={})
    assert offer is not None
    assert offer.url.startswith("https://api.slack.com/apps?new_app=1&manifest_json=%7B")
    assert '"request_url": "https://k.example/hooks/slack/a/b"' in offer.document
    socket = offer_app(spec, "", name="Ana", language="en", config={"transport": "SocketMode"})
    assert socket is not None
    assert '"socket_mode_enabled": true' in socket.document
    assert "request_url" not in socket.document
    assert offer_app(load_specs()["WebChat"], "", name="", language="en", config={}) is None


def _is_known(words: gettext.NullTranslations | None, sentence: str) -> bool:
    """Tell whether a catalogue, or one behind it, has the sentence: some stay as they are."""
    while words is not None:
        if getattr(words, "_catalog", {}).get(sentence):
            return True
        words = words._fallback  # type: ignore[attr-defined]
    return False


def _shape(manual: str) -> list[str]:
    """What of a manual no translation changes: steps, headings and fenced code."""
    return re.findall(r"^ *(?:\d+\.|#+ |```\w*)", manual, flags=re.MULTILINE)
