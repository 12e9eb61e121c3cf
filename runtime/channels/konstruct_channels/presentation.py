"""What people see of a channel: its words in their language, how it is set up, its icon.

A channel's titles and descriptions are English in its `spec` (the CRDs show them); their
translations are this package's catalogues. The manual is `setup.md`, `setup.es.md`, `setup.pt.md`.
"""

import gettext
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from konstruct_channels.catalogue import has_half
from konstruct_channels.spec import HIDDEN, LABEL, ChannelSpec, config_schema
from konstruct_messages.translations import DEFAULT_LANGUAGE, choose_language, load_catalogues


@dataclass(frozen=True)
class AppOffer:
    """An app at the vendor's that somebody can make by following `url`; `document` describes it."""

    url: str
    document: str


def read_setup(spec: ChannelSpec, language: str) -> str:
    """Return the channel's manual as Markdown, in English where a translation is missing.

    It may name `{{ webhook_url }}`, `{{ public_url }}`, `{{ tenant }}`, `{{ namespace }}` and
    `{{ connection }}`.
    """
    folder = _folder(spec)
    chosen = choose_language(language)
    names = ("setup.md",) if chosen == DEFAULT_LANGUAGE else (f"setup.{chosen}.md", "setup.md")
    for name in names:
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return ""


def read_icon(spec: ChannelSpec) -> str:
    """Return the channel's icon as SVG; empty where the folder has none."""
    path = _folder(spec) / "icon.svg"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def load_words(
    specs: Mapping[str, ChannelSpec],
) -> Mapping[str, gettext.NullTranslations]:
    """Return the translations of what people read of these channels, by language.

    They are this package's, and those that a channel's folder brings itself.
    """
    words = load_catalogues("konstruct_channels")
    for spec in specs.values():
        if (_folder(spec) / "locale").is_dir():
            own_words = load_catalogues(f"konstruct_channels.{spec.folder}")
            for language, own in own_words.items():
                words[language].add_fallback(own)
    return words


def offer_app(
    spec: ChannelSpec, webhook_url: str, *, name: str, language: str, config: Mapping[str, Any]
) -> AppOffer | None:
    """Return the app that the vendor makes from a manifest, where the channel can say one.

    Such a channel has a module `manifest` with a function `offer`.
    """
    if not has_half(spec, "manifest"):
        return None
    half = importlib.import_module(f"konstruct_channels.{spec.folder}.manifest")
    offer = half.offer(webhook_url, name=name, language=language, config=config)
    return offer if isinstance(offer, AppOffer) else None


def _folder(spec: ChannelSpec) -> Traversable:
    return resources.files(f"konstruct_channels.{spec.folder}")


def sentences(spec: ChannelSpec) -> list[str]:
    """Return every English sentence of a declaration that a form shows."""
    found = [spec.title, spec.description]
    for key in spec.secret_keys:
        found += [key.title, key.description]
    found += _words_of(config_schema(spec.config, for_form=True))
    found += [conflict.message for conflict in spec.conflicts]
    return [one for one in dict.fromkeys(found) if one]


def _words_of(schema: Mapping[str, Any]) -> Iterator[str]:
    for field in schema.get("properties", {}).values():
        if field.get(HIDDEN):
            continue
        yield str(field.get(LABEL, ""))
        yield str(field.get("description", ""))
        yield from (str(one) for one in field.get("enum", ()))
        yield from _words_of(field)
        yield from _words_of(field.get("items") or {})
