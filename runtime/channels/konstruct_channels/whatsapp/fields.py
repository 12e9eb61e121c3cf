"""Reading values that somebody else made: a wrong type is as good as nothing."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

IDENTIFIER = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
"""What WhatsApp calls messages and files by: `wamid...`, digits. Nobody else knows its form."""

_UNSAYABLE = re.compile(r"[\x00\ud800-\udfff]")
_LONGEST_TIME = 12


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what a list holds, as objects; nothing if it is none."""
    for one in value if isinstance(value, list) else ():
        yield mapping(one)


def text(content: Mapping[str, Any], key: str) -> str:
    """Return the text under `key` without what no database stores, or nothing."""
    value = content.get(key)
    return _UNSAYABLE.sub("", value) if isinstance(value, str) else ""


def number(content: Mapping[str, Any], key: str) -> float | None:
    """Return the number under `key`, which may be written as a text; None: there is none."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 2**53 else None


def identifier(content: Mapping[str, Any], key: str) -> str:
    """Return the id under `key`, or nothing."""
    found = text(content, key)
    return found if IDENTIFIER.fullmatch(found) else ""


def moment(content: Mapping[str, Any], key: str = "timestamp") -> datetime | None:
    """Return the Unix time under `key`, which comes as a text or as a number."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    written = str(value)
    if not (written.isascii() and written.isdecimal() and len(written) <= _LONGEST_TIME):
        return None
    try:
        return datetime.fromtimestamp(int(written), UTC)
    except (ValueError, OverflowError, OSError):
        return None
