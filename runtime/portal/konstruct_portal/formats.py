"""How numbers, money and moments are written in each language."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent

MICRO = 1_000_000
_CENT = 10_000
_COLOURS = 8
_MARKS_BEFORE = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|```.*$)")
_MARKS = re.compile(r"\*\*|__|~~|`+|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


def money(micro_usd: int, language: str) -> str:
    """Write micro-USD as dollars; amounts under a cent keep enough digits to be seen."""
    dollars = micro_usd / MICRO
    if micro_usd and abs(micro_usd) < _CENT:
        return format_currency(
            dollars, "USD", format="¤#,##0.0000", locale=_locale(language), currency_digits=False
        )
    return format_currency(dollars, "USD", locale=_locale(language))


def number(value: float, language: str) -> str:
    """Write a number with the language's separators."""
    return format_decimal(value, locale=_locale(language))


def percent(value: float, language: str) -> str:
    """Write a share (1.0 is all) in whole percent."""
    return format_percent(value, locale=_locale(language))


def moment_in(value: datetime, language: str, time_zone: str = "UTC") -> str:
    """Write a moment in a time zone, to the minute."""
    return format_datetime(value, "short", tzinfo=zone(time_zone), locale=_locale(language))


def day(value: date, language: str) -> str:
    """Write a day."""
    return format_date(value, "medium", locale=_locale(language))


def month(value: date, language: str) -> str:
    """Write a month with its year."""
    return str(format_date(value, "LLLL y", locale=_locale(language))).capitalize()


def ago(value: datetime | str, language: str) -> str:
    """Write how long ago something was; text is read as ISO 8601 and given back if it is not."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return value
    else:
        at = value
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    passed = min(at - datetime.now(UTC), timedelta(seconds=-1))
    return format_timedelta(passed, add_direction=True, locale=_locale(language))


def moment_of(text: str) -> datetime | None:
    """Read a moment with its time zone from an address; None when it is none."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def preview(text: str) -> str:
    """Return a text as one line without the marks of Markdown."""
    lines = (_MARKS_BEFORE.sub("", line) for line in text.splitlines())
    return " ".join(_MARKS.sub("", " ".join(lines)).split())


def initials(name: str) -> str:
    """Return one or two letters that stand for a name."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def colour(name: str) -> str:
    """Return the class of the colour that always goes with a name."""
    return f"tone-{sum(name.encode()) % _COLOURS}"


def zone(name: str) -> ZoneInfo:
    """Return an IANA time zone; UTC where the name is unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _locale(language: str) -> str:
    return {"es": "es_419", "pt": "pt_BR"}.get(language, "en_US")
