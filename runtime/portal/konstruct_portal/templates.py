"""Templates: one Jinja environment per language, over the package's own folders."""

import gettext
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from konstruct_portal import formats

PACKAGE = Path(__file__).parent
STATIC = PACKAGE / "static"
_ICONS = STATIC / "vendor" / "tabler-icons-3.51.0"


class Templates:
    """Renders `pages/<page>/<name>.html` and `layout/<name>.html` in a language."""

    def __init__(self, catalogues: Mapping[str, gettext.NullTranslations]) -> None:
        self._environments = {
            language: _environment(language, translations)
            for language, translations in catalogues.items()
        }

    def render(self, language: str, name: str, context: Mapping[str, Any]) -> str:
        """Return the page as text; a name that the context lacks is an error, never a blank."""
        return self._environments[language].get_template(name).render(context)


def _environment(language: str, translations: gettext.NullTranslations) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(icon=icon, asset=asset, language=language, initials=formats.initials)
    environment.filters.update(
        {
            "money": lambda value: formats.money(value, language),
            "number": lambda value: formats.number(value, language),
            "moment": lambda value, zone: formats.moment_in(value, language, zone),
            "day": lambda value: formats.day(value, language),
            "ago": lambda value: formats.ago(value, language),
            "percent": lambda value: formats.percent(value, language),
            "colour": formats.colour,
            "preview": formats.preview,
        }
    )
    return environment


@lru_cache(maxsize=256)
def icon(name: str, kind: str = "") -> Markup:
    """Return an icon as inline SVG, hidden from screen readers; `kind` adds a class."""
    text = (_ICONS / f"{name}.svg").read_text(encoding="utf-8")
    text = re.sub(r'\s+class="[^"]*"', "", text)
    classes = f"icon {kind}".strip()
    text = text.replace("<svg", f'<svg class="{classes}" aria-hidden="true" focusable="false"', 1)
    return Markup(re.sub(r"\s*\n\s*", " ", text))  # noqa: S704 - a file of ours, not of a person


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """Return the address of a static file; it changes with the file, so that it may be cached."""
    content = (STATIC / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
