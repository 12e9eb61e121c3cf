"""Which language and theme a request is answered in."""

from collections.abc import Callable

from starlette.requests import Request

from konstruct_messages.translations import LANGUAGES, choose_language

Translate = Callable[[str], str]

NAMES = {"en": "English", "es": "Español", "pt": "Português"}
THEMES = ("light", "dark")


def language_of(request: Request, *, cookie: str, preferred: str) -> str:
    """Return the language: what this browser chose, else the user, else what the browser says."""
    chosen = request.cookies.get(cookie, "")
    if chosen in LANGUAGES:
        return chosen
    return choose_language(preferred, *_accepted(request.headers.get("accept-language", "")))


def theme_of(request: Request, *, cookie: str, preferred: str) -> str:
    """Return the theme, or an empty string to follow the system."""
    for theme in (request.cookies.get(cookie, ""), preferred):
        if theme in THEMES:
            return theme
    return ""


def _accepted(header: str) -> list[str]:
    weighted: list[tuple[float, str]] = []
    for entry in header[:512].split(","):
        tag, _, quality = entry.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            weighted.append((weight, tag))
    return [tag for _, tag in sorted(weighted, key=lambda one: -one[0])]
